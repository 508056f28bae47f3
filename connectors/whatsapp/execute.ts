import { createHash } from 'node:crypto';
import { fetch as undiciFetch } from 'undici';
import type { Operation, OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { abortedFailure, networkFailure } from '../network-failure.ts';
import { refusedSend } from './errors.ts';
import { toE164 } from './phone-number.ts';
import {
  DEFAULT_API_VERSION,
  DEFAULT_BASE_URL,
  type SendInput,
  type SendOutput,
  sendAnswerSchema,
  type WhatsappCredential,
} from './schema.ts';

/** The part of an HTTP answer that is read. */
export interface WhatsappHttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** How requests go out; undici's fetch unless the caller guards destinations. */
export type WhatsappFetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly signal: AbortSignal;
    readonly redirect: 'manual';
  },
) => Promise<WhatsappHttpAnswer>;

export interface WhatsappDeps {
  readonly fetch?: WhatsappFetch;
}

export interface WhatsappOperations {
  readonly send: Operation<SendInput, SendOutput, WhatsappCredential>;
}

export function createWhatsappOperations(deps: WhatsappDeps = {}): WhatsappOperations {
  const send = deps.fetch ?? undiciFetch;
  return { send: { execute: (input, context) => sendMessage(send, input, context) } };
}

/**
 * What goes out as `biz_opaque_callback_data` (512 characters at most) and comes back in every
 * status webhook of the message, so that a send in doubt can be recognised afterwards.
 */
export function callbackData(key: string): string {
  return `masar:${createHash('sha256').update(key).digest('base64url')}`;
}

/**
 * POST /{version}/{phone-number-id}/messages
 * https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
async function sendMessage(
  fetch: WhatsappFetch,
  input: SendInput,
  context: OperationContext<WhatsappCredential>,
): Promise<SendOutput> {
  const { credential, signal, timeoutMs } = context;
  const to = toE164(input.to);
  if (signal.aborted) {
    throw abortedFailure({ provider: 'WhatsApp', signal, timeoutMs, effect: 'none' });
  }
  const base = (credential.baseUrl ?? DEFAULT_BASE_URL).replace(/\/+$/, '');
  const version = credential.apiVersion ?? DEFAULT_API_VERSION;

  let answer: WhatsappHttpAnswer;
  let text: string;
  try {
    answer = await fetch(`${base}/${version}/${credential.phoneNumberId}/messages`, {
      method: 'POST',
      headers: {
        ...context.traceHeaders,
        authorization: `Bearer ${credential.accessToken}`,
        'content-type': 'application/json',
      },
      body: requestBody(input, to, context.key),
      signal,
      redirect: 'manual',
    });
    text = await answer.text();
  } catch (error) {
    throw networkFailure({ provider: 'WhatsApp', error, signal, timeoutMs });
  }

  const body = parseJson(text);
  if (answer.status < 200 || answer.status > 299) {
    throw refusedSend({
      status: answer.status,
      headers: answer.headers,
      body,
      input,
      attempt: context.attempt,
    });
  }
  const parsed = sendAnswerSchema.safeParse(body);
  if (!parsed.success) {
    throw new ConnectorError(
      'invalid_response',
      `WhatsApp answered with ${answer.status} but without the id of a message, so whether it sent one is unknown. Check the base address of the credential, and the conversation before sending again.`,
      { effect: 'possible', permanent: false, status: answer.status },
    );
  }
  return { messageId: parsed.data.messages[0].id, to };
}

function requestBody(input: SendInput, to: string, key: string): string {
  return JSON.stringify({
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to,
    biz_opaque_callback_data: callbackData(key),
    ...content(input),
  });
}

/** The one of text, template, media and interactive that the schema let through. */
function content(input: SendInput): Readonly<Record<string, unknown>> {
  if (input.template !== undefined) {
    const { name, language, components } = input.template;
    return { type: 'template', template: { name, language: { code: language }, components } };
  }
  if (input.media !== undefined) {
    const { type, ...media } = input.media;
    return { type, [type]: media };
  }
  if (input.interactive !== undefined) {
    return { type: 'interactive', interactive: input.interactive };
  }
  return { type: 'text', text: { body: input.text, preview_url: false } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
