/** Plays the Acme API: it keeps what it accepts, and recognises a key that it has seen. */
import { createHash } from 'node:crypto';
import type { Emulator, EmulatorDeps } from '../../connectors/contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  startHttpEmulator,
} from '../../connectors/http-emulator.ts';
import { type AcmeCredential, sendInputSchema } from './schema.ts';

/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const API_KEY = createHash('sha256').update('masar acme emulator').digest('hex').slice(0, 32);

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startAcmeEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<Emulator<AcmeCredential>> {
  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (request.bearer() !== API_KEY) return refusal(401, 'unauthorized', 'Unknown API key');
    if (request.method !== 'POST' || request.path !== '/messages') {
      return refusal(404, 'not_found', 'There is nothing at this address');
    }
    const message = sendInputSchema.safeParse(request.json());
    if (!message.success) return refusal(422, 'invalid', 'The message lacks a receiver or a text');
    const key = request.headers['idempotency-key'];
    const { stored } = await store.add(
      {
        connector: 'acme',
        operation: 'send',
        ...request.trace,
        to: message.data.to,
        ...(typeof key === 'string' ? { lookupKey: key } : {}),
        message: { to: message.data.to, text: message.data.text },
      },
      { unique: typeof key === 'string' },
    );
    return { status: 201, body: { id: `acme-${stored.id}` } };
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply });
  return {
    connector: 'acme',
    url: server.url,
    credential: { apiKey: API_KEY, baseUrl: server.url },
    inject: server.inject,
    close: server.close,
  };
}

function refusal(status: number, code: string, message: string): EmulatedReply {
  return { status, body: { error: { code, message } } };
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return refusal(401, 'unauthorized', 'Unknown API key');
    case 'rateLimited':
      return {
        ...refusal(429, 'too_many', 'Too many messages'),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      };
    case 'serverError':
      return refusal(fault.status ?? 500, 'internal', 'Something broke');
  }
}
