import type { Operation } from '../../connectors/contract.ts';
import { createEmulatorOutbound } from '../../connectors/emulator-outbound.ts';
import { requestJson } from '../../connectors/json-request.ts';
import type { Outbound } from '../../connectors/outbound.ts';
import { refusedRequest } from './errors.ts';
import {
  type AcmeCredential,
  DEFAULT_BASE_URL,
  type SendInput,
  type SendOutput,
  sentSchema,
} from './schema.ts';

export interface AcmeDeps {
  /** Guards the address that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface AcmeOperations {
  readonly send: Operation<SendInput, SendOutput, AcmeCredential>;
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
}

/** How the operations of the Acme connector act. */
export function createAcmeOperations({ outbound }: AcmeDeps): AcmeOperations {
  const emulators = createEmulatorOutbound();

  return {
    send: {
      /** POST /messages: put the address of its documentation here. */
      async execute({ to, text }, context) {
        const { apiKey, baseUrl = DEFAULT_BASE_URL } = context.credential;
        const answer = await requestJson(
          context.mode === 'sandbox' ? emulators : outbound,
          {
            url: `${baseUrl.replace(/\/+$/, '')}/messages`,
            headers: { authorization: `Bearer ${apiKey}`, 'idempotency-key': context.key },
            body: { to, text },
          },
          context,
        );
        const sent = sentSchema.safeParse(answer.body);
        if (answer.status !== 201 || !sent.success) throw refusedRequest(answer, { to, text });
        return { messageId: sent.data.id };
      },
    },
    close: emulators.close,
  };
}
