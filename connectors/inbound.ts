/** What a connector says of the messages that come in through it. */
import type { z } from 'zod';

export interface InboundMessage {
  /** The provider's id: the same message may be delivered several times. */
  readonly messageId: string;
  /** Sender, as leads have it: a phone number in E.164. */
  readonly from: string;
  readonly name: string | null;
  /** What the sender wrote or chose; null for what has no words. */
  readonly text: string | null;
  /** The message as the provider has it: JSON. */
  readonly message: unknown;
}

export interface InboundRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came, byte for byte. */
  readonly body: Buffer;
}

/** @param Settings what the provider and Masar both know */
export interface InboundSource<Settings = unknown> {
  /** The connector. */
  readonly type: string;
  readonly title: string;
  readonly settings: z.ZodType<Settings>;
  /**
   * Answers the provider's question whether the address is ours.
   * @returns undefined if it doesn't know the secret
   */
  challenge(query: Readonly<Record<string, unknown>>, settings: Settings): string | undefined;
  isAuthentic(request: InboundRequest, settings: Settings): boolean;
  /** @returns the messages of a delivery; none if it tells of something else */
  read(body: unknown): readonly InboundMessage[];
}
