import { afterEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf, testContext } from '../connector-suite.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { type Answer, type RecordingServer, startRecordingServer } from '../recording-server.ts';
import { idempotencyToken } from './compose.ts';
import { startHttpEmulator } from './emulator.ts';
import { createHttpOperations } from './execute.ts';
import { httpManifest } from './manifest.ts';
import {
  type HttpCredential,
  type RequestInput,
  type RequestOutput,
  requestInputSchema,
} from './schema.ts';

const URL_OUTSIDE = 'https://api.example.com/leads/42?email=layla@example.com';
const suites = [
  { name: 'a GET', idempotency: 'read', input: {}, expect: {} },
  {
    name: 'a POST with a key',
    idempotency: 'native-key',
    input: { method: 'POST', body: { name: 'ليلى' }, idempotencyHeader: 'Idempotency-Key' },
    // A write's status is its receipt, whatever its body.
    expect: { garbage: false },
  },
  {
    name: 'a PUT',
    idempotency: 'native-key',
    input: { method: 'PUT', body: { name: 'ليلى' } },
    // Known by its address alone, which the emulator does not compare.
    expect: { garbage: false, dropAfterAccept: false, hangAfterAccept: false },
  },
  {
    name: 'a DELETE',
    idempotency: 'native-key',
    input: { method: 'DELETE' },
    expect: { garbage: false, dropAfterAccept: false, hangAfterAccept: false },
  },
  { name: 'pages', idempotency: 'read', input: { pagination: { mode: 'page' } }, expect: {} },
  {
    name: 'a form with a file',
    idempotency: 'blind',
    input: {
      method: 'POST',
      bodyType: 'multipart',
      body: { name: 'ليلى', file: { contentBase64: 'aGk=' } },
    },
    expect: { garbage: false },
  },
  {
    name: 'a POST without one',
    idempotency: 'blind',
    input: { method: 'POST', body: { name: 'ليلى' } },
    expect: { garbage: false },
  },
] as const;

for (const suite of suites) {
  describeConnector<RequestInput, RequestOutput, HttpCredential | undefined>({
    name: `http, ${suite.name}`,
    manifest: httpManifest,
    startEmulator: startHttpEmulator,
    operation: (emulator) => {
      const outbound = createOutbound({ allowHosts: [] });
      const operations = createHttpOperations({ outbound, emulatorUrl: async () => emulator.url });
      return {
        operation: operations.request,
        close: async () => {
          await operations.close();
          await outbound.close();
        },
      };
    },
    input: requestInputSchema.parse({ url: URL_OUTSIDE, ...suite.input }),
    idempotency: suite.idempotency,
    expect: suite.expect,
    personalData: ['layla', 'ليلى', '/leads/42'],
  });
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: Answer): Promise<RecordingServer> {
  const server = await startRecordingServer(answer);
  cleanups.push(() => server.close());
  return server;
}

describe('sandbox mode', () => {
  async function sandbox(allowHosts: readonly string[] = []) {
    const store = createMemorySandboxStore();
    const emulator = await startHttpEmulator({ store, host: '127.0.0.1', port: 0 });
    const outbound = createOutbound({ allowHosts });
    const operations = createHttpOperations({ outbound, emulatorUrl: async () => emulator.url });
    cleanups.push(
      () => emulator.close(),
      () => outbound.close(),
      () => operations.close(),
    );
    const call = (input: Readonly<Record<string, unknown>>) =>
      operations.request.execute(
        requestInputSchema.parse(input),
        testContext({ credential: { headers: { 'X-Api-Key': 'key-1' }, bearerToken: 'token-1' } }),
      );
    return { store, emulator, call };
  }

  test('the outbox shows the request as it would have gone, without secrets', async () => {
    const { store, call } = await sandbox();
    const output = await call({
      method: 'POST',
      url: 'https://api.example.com/leads',
      query: { q: 'ب' },
      headers: { 'X-Source': 'masar', Authorization: 'Basic abc', Cookie: 'a=1' },
      body: { name: 'ليلى' },
      idempotencyHeader: 'X-Request-Id',
      successStatus: 201,
    });
    const url = 'https://api.example.com/leads?q=%D8%A8';
    expect(output).toMatchObject({
      status: 201,
      body: { sandbox: true, method: 'POST', url, body: { name: 'ليلى' } },
    });
    const token = idempotencyToken('execution-1/node-1/');
    const [stored] = await store.list({ connector: 'http' });
    expect(stored).toMatchObject({
      operation: 'request',
      executionId: 'execution-1',
      nodeId: 'node-1',
      to: url,
      lookupKey: token,
    });
    expect(stored?.message).toEqual({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', 'x-source': 'masar', 'x-request-id': token },
      body: { name: 'ليلى' },
    });
  });

  test('a form shows its fields and files', async () => {
    const { store, call } = await sandbox();
    await call({
      method: 'POST',
      url: 'https://api.example.com/files',
      bodyType: 'multipart',
      body: { name: 'ليلى', file: { filename: 'a.txt', contentBase64: 'aGk=' } },
    });
    const [stored] = await store.list({ connector: 'http' });
    expect(stored?.message.body).toEqual([
      { name: 'name', value: 'ليلى' },
      { name: 'file', filename: 'a.txt', contentType: 'application/octet-stream', size: 2 },
    ]);
  });

  test('pages are one page of one item, wherever the list is', async () => {
    const { store, call } = await sandbox();
    const url = 'https://api.example.com/leads';
    for (const itemsPath of ['data.items', undefined]) {
      const output = await call({ url, pagination: { mode: 'page', itemsPath } });
      expect(output).toMatchObject({
        body: [{ sandbox: true, url: `${url}?page=1` }],
        pages: 1,
        complete: true,
      });
    }
    expect(await store.list({})).toHaveLength(2);
  });

  test('hosts that the operator listed are reached for real, with the credential', async () => {
    const api = await serve((_request, response) => {
      response.end();
    });
    const { store, call } = await sandbox([api.host]);
    await call({ url: api.url });
    expect(api.seen[0]?.headers).toMatchObject({ authorization: 'Bearer token-1' });
    expect(api.seen[0]?.headers).not.toHaveProperty('x-masar-execution-id');
    expect(await store.list({})).toEqual([]);
  });

  test('a listed host can’t lead out of the sandbox', async () => {
    const api = await serve((_request, response) => {
      response.writeHead(307, { location: 'https://example.com/' }).end();
    });
    const { call } = await sandbox([api.host]);
    expect((await failureOf(call({ method: 'POST', url: api.url }))).code).toBe(
      'blocked_destination',
    );
  });

  test('live nodes can’t reach the emulator', async () => {
    const { emulator } = await sandbox();
    const outbound = createOutbound({ allowHosts: [] });
    cleanups.push(() => outbound.close());
    const operations = createHttpOperations({ outbound, emulatorUrl: async () => emulator.url });
    const error = await failureOf(
      operations.request.execute(
        requestInputSchema.parse({ url: emulator.url }),
        testContext({ mode: 'live', credential: undefined }),
      ),
    );
    expect(error.code).toBe('blocked_destination');
  });

  test('an emulator may come later and move', async () => {
    const outbound = createOutbound({ allowHosts: [] });
    let emulatorUrl: string | undefined;
    const operations = createHttpOperations({ outbound, emulatorUrl: async () => emulatorUrl });
    cleanups.push(
      () => outbound.close(),
      () => operations.close(),
    );
    const call = () =>
      operations.request.execute(
        requestInputSchema.parse({ url: 'https://api.example.com/' }),
        testContext({ credential: undefined }),
      );
    expect((await failureOf(call())).code).toBe('unavailable');
    for (let move = 0; move < 2; move += 1) {
      const store = createMemorySandboxStore();
      const emulator = await startHttpEmulator({ store, host: '127.0.0.1', port: 0 });
      cleanups.push(() => emulator.close());
      emulatorUrl = emulator.url;
      expect((await call()).status).toBe(200);
      expect(await store.list({})).toHaveLength(1);
    }
  });

  test('without an emulator nothing leaves', async () => {
    const outbound = createOutbound({ allowHosts: [] });
    cleanups.push(() => outbound.close());
    const error = await failureOf(
      createHttpOperations({ outbound }).request.execute(
        requestInputSchema.parse({ url: 'https://api.example.com/' }),
        testContext({ credential: undefined }),
      ),
    );
    expect(error).toMatchObject({ code: 'unavailable', effect: 'none', permanent: true });
  });
});
