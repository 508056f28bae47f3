import { createHash } from 'node:crypto';
import type {
  CredentialCheck,
  CredentialCheckContext,
  Operation,
  OperationContext,
} from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import type { Outbound } from '../outbound.ts';
import { refusedRequest } from './errors.ts';
import { toE164 } from './phone-number.ts';
import {
  DEFAULT_API_VERSION,
  DEFAULT_BASE_URL,
  type MarkReadInput,
  type MarkReadOutput,
  markReadAnswerSchema,
  phoneNumberAnswerSchema,
  type SendInput,
  type SendOutput,
  sendAnswerSchema,
  type WhatsappCredential,
} from './schema.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;

export interface WhatsappDeps {
  /** Guards the base address that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface WhatsappOperations {
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
  readonly send: Operation<SendInput, SendOutput, WhatsappCredential>;
  readonly markRead: Operation<MarkReadInput, MarkReadOutput, WhatsappCredential>;
  /** Reads the sending number. */
  readonly check: CredentialCheck<WhatsappCredential>;
}

export function createWhatsappOperations({ outbound }: WhatsappDeps): WhatsappOperations {
  const emulators = createEmulatorOutbound();
  const clientOf = ({ mode }: Context) => (mode === 'sandbox' ? emulators : outbound);
  return {
    send: { execute: (input, context) => sendMessage(clientOf(context), input, context) },
    markRead: { execute: (input, context) => markRead(clientOf(context), input, context) },
    check: { run: (credential, context) => checkNumber(outbound, credential, context) },
    close: emulators.close,
  };
}

/**
 * What goes out as `biz_opaque_callback_data` (512 characters at most) and comes back in every
 * status webhook of the message, so that a send in doubt can be recognised afterwards.
 */
export function callbackData(key: string): string {
  return `masar:${createHash('sha256').update(key).digest('base64url')}`;
}

type Context = OperationContext<WhatsappCredential>;

/**
 * Sends a message.
 * https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
async function sendMessage(
  outbound: WhatsappDeps['outbound'],
  input: SendInput,
  context: Context,
): Promise<SendOutput> {
  const to = toE164(input.to);
  const { status, answer } = await postToMessages(outbound, input, context, {
    recipient_type: 'individual',
    to,
    biz_opaque_callback_data: callbackData(context.key),
    ...(input.replyToMessageId === undefined
      ? {}
      : { context: { message_id: input.replyToMessageId } }),
    ...content(input),
  });
  const parsed = sendAnswerSchema.safeParse(answer);
  if (!parsed.success) {
    throw new ConnectorError(
      'invalid_response',
      `WhatsApp answered with ${status} but without the id of a message, so whether it sent one is unknown. Check the base address of the credential, and the conversation before sending again.`,
      { effect: 'possible', permanent: false, status },
    );
  }
  return { messageId: parsed.data.messages[0].id, to };
}

/**
 * Marks an incoming message as read.
 * https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/mark-message-as-read
 * https://developers.facebook.com/docs/whatsapp/cloud-api/typing-indicators
 */
async function markRead(
  outbound: WhatsappDeps['outbound'],
  input: MarkReadInput,
  context: Context,
): Promise<MarkReadOutput> {
  const { status, answer } = await postToMessages(outbound, input, context, {
    status: 'read',
    message_id: input.messageId,
    ...(input.typingIndicator === true ? { typing_indicator: { type: 'text' } } : {}),
  });
  if (!markReadAnswerSchema.safeParse(answer).success) {
    throw new ConnectorError(
      'invalid_response',
      `WhatsApp answered with ${status} but does not say that the message is marked as read. Check the base address of the credential.`,
      { effect: 'possible', permanent: false, status },
    );
  }
  return { messageId: input.messageId, read: true };
}

/**
 * POST /{version}/{phone-number-id}/messages
 * @returns the parsed JSON of an answer within 2xx
 * @throws ConnectorError for any other answer
 */
async function postToMessages(
  outbound: WhatsappDeps['outbound'],
  input: SendInput | MarkReadInput,
  context: Context,
  message: Readonly<Record<string, unknown>>,
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { credential } = context;
  const { status, headers, body } = await outbound.request({
    method: 'POST',
    url: `${numberUrl(credential)}/messages`,
    headers: {
      ...context.traceHeaders,
      authorization: `Bearer ${credential.accessToken}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ messaging_product: 'whatsapp', ...message }),
    signal: context.signal,
    timeoutMs: context.timeoutMs,
    maxResponseBytes: MAX_ANSWER_BYTES,
    followRedirects: false,
  });
  const answer = parseJson(body.toString('utf8'));
  if (status >= 200 && status <= 299) return { status, answer };
  throw refusedRequest({ status, headers, body: answer, input, attempt: context.attempt });
}

/**
 * GET /{version}/{phone-number-id}
 * https://developers.facebook.com/docs/whatsapp/business-management-api/manage-phone-numbers
 */
async function checkNumber(
  outbound: WhatsappDeps['outbound'],
  credential: WhatsappCredential,
  { signal, timeoutMs }: CredentialCheckContext,
): Promise<{ readonly account: string }> {
  const { status, headers, body } = await outbound.request({
    method: 'GET',
    url: `${numberUrl(credential)}?fields=id,verified_name`,
    headers: { authorization: `Bearer ${credential.accessToken}` },
    signal,
    timeoutMs,
    maxResponseBytes: MAX_ANSWER_BYTES,
    followRedirects: false,
  });
  const answer = parseJson(body.toString('utf8'));
  if (status < 200 || status > 299) {
    throw refusedRequest({ status, headers, body: answer, input: undefined, attempt: 1 });
  }
  const parsed = phoneNumberAnswerSchema.safeParse(answer);
  if (!parsed.success) {
    throw new ConnectorError(
      'invalid_response',
      `WhatsApp answered with ${status} but without the phone number. Check the base address of the credential.`,
      { effect: 'none', permanent: true, status },
    );
  }
  return { account: parsed.data.verified_name ?? parsed.data.id };
}

function numberUrl({ baseUrl, apiVersion, phoneNumberId }: WhatsappCredential): string {
  const base = (baseUrl ?? DEFAULT_BASE_URL).replace(/\/+$/, '');
  return `${base}/${apiVersion ?? DEFAULT_API_VERSION}/${phoneNumberId}`;
}

/** The one of the contents that the schema let through. */
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
  if (input.location !== undefined) return { type: 'location', location: input.location };
  return { type: 'text', text: { body: input.text, preview_url: input.previewUrl ?? false } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
