import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../../connectors/connector-suite.ts';
import type { Emulator, SandboxStore } from '../../connectors/contract.ts';
import { createMemorySandboxStore } from '../../connectors/memory-sandbox-store.ts';
import { createOutbound } from '../../connectors/outbound.ts';
import { startAcmeEmulator } from './emulator.ts';
import { type AcmeOperations, createAcmeOperations } from './execute.ts';
import { acmeManifest } from './manifest.ts';
import { type AcmeCredential, type SendInput, type SendOutput, sendInputSchema } from './schema.ts';

const INPUT = { to: 'layla-the-receiver', text: 'مرحباً ليلى' };

const outbound = createOutbound({ allowHosts: [] });
afterAll(() => outbound.close());

describeConnector<SendInput, SendOutput, AcmeCredential>({
  name: 'acme send',
  manifest: acmeManifest,
  startEmulator: startAcmeEmulator,
  operation: () => {
    const { send, close } = createAcmeOperations({ outbound });
    return { operation: send, close };
  },
  input: INPUT,
  personalData: [INPUT.to, INPUT.text],
});

describe('acme send', () => {
  let store: SandboxStore;
  let emulator: Emulator<AcmeCredential>;
  let operations: AcmeOperations;

  beforeEach(async () => {
    operations = createAcmeOperations({ outbound });
    store = createMemorySandboxStore();
    emulator = await startAcmeEmulator({ store, host: '127.0.0.1', port: 0 });
  });

  afterEach(async () => {
    await operations.close();
    await emulator.close();
  });

  test('what was written arrives, with the node that it came from', async () => {
    const context = testContext({ credential: emulator.credential });
    const { messageId } = await operations.send.execute(sendInputSchema.parse(INPUT), context);
    const [received] = await store.list({ connector: 'acme' });
    expect(received).toMatchObject({
      executionId: 'execution-1',
      nodeId: 'node-1',
      message: INPUT,
    });
    expect(messageId).toBe(`acme-${received?.id}`);
  });

  test('a refusal says what to do, without what was sent', async () => {
    const context = testContext({ credential: emulator.credential });
    const error = await failureOf(operations.send.execute({ ...INPUT, text: '' }, context));
    expect(error).toMatchObject({ code: 'rejected', effect: 'none', permanent: true, status: 422 });
    expect(error.message).toContain('Acme says: The message lacks a receiver or a text');
  });

  test.each([{}, { to: 'x' }, { to: '', text: 'x' }, { ...INPUT, more: 1 }])(
    'the schema refuses %j',
    (input) => {
      expect(sendInputSchema.safeParse(input).success).toBe(false);
    },
  );
});
