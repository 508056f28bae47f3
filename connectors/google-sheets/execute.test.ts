import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeConnector, failureOf } from '../connector-suite.ts';
import { credentialSchema, type GoogleCredential } from '../google/credential.ts';
import { isTokenRequest } from '../google/emulator-google.ts';
import { googleError, tokenRefusal } from '../google/emulator-replies.ts';
import {
  type AppendHarness,
  FIRST_KEY,
  inputOf,
  openHarness,
  openOutbound,
  SPREADSHEET,
} from './append-harness.ts';
import { appendMarker } from './append-marker.ts';
import { startGoogleEmulator } from './emulator.ts';
import { createGoogleSheetsOperations } from './execute.ts';
import { googleSheetsManifest } from './manifest.ts';
import type { AppendInput, AppendOutput } from './schema.ts';

for (const valueInput of ['raw', 'user_entered'] as const) {
  describeConnector<AppendInput, AppendOutput, GoogleCredential>({
    name: `google-sheets append, ${valueInput}`,
    manifest: googleSheetsManifest,
    startEmulator: startGoogleEmulator,
    operation: () => {
      const outbound = openOutbound();
      const { append, close } = createGoogleSheetsOperations({ outbound });
      return {
        operation: append,
        close: async () => {
          await close();
          await outbound.close();
        },
      };
    },
    input: inputOf({ valueInput }),
    idempotency: valueInput === 'raw' ? 'queryable' : 'blind',
    personalData: ['leila@example.com', 'ليلى'],
  });
}

describe('google-sheets append', () => {
  let harness: AppendHarness;
  beforeEach(async () => {
    harness = await openHarness();
  });
  afterEach(() => harness.close());

  test('an Arabic row arrives typed, traced and marked', async () => {
    expect(await harness.append(inputOf())).toEqual({ store: 'sheets', rows: 1 });
    expect(await harness.stored()).toMatchObject([
      {
        connector: 'google-sheets',
        operation: 'append',
        executionId: 'execution-1',
        nodeId: 'node-1',
        iteration: '',
        to: SPREADSHEET,
        lookupKey: appendMarker(FIRST_KEY).metadataKey,
        message: {
          sheet: 'Leads',
          rows: [['ليلى', 'leila@example.com', 50, true]],
          valueInput: 'raw',
        },
      },
    ]);
  });

  test('texts that look like formulas, numbers or dates stay texts', async () => {
    const row = ['=1+1', '+971501234567', '007', '2026-01-01', '@SUM(A1)', 'TRUE', null];
    await harness.append(inputOf({ values: row }));
    expect((await harness.stored())[0]?.message).toMatchObject({ rows: [row] });
  });

  test('sheets with quoted titles, and columns other than A', async () => {
    await harness.append(inputOf({ range: "'عملاء 2026 ''أ'''!C:D", values: ['x', 1] }));
    expect((await harness.stored())[0]?.message).toMatchObject({
      sheet: "عملاء 2026 'أ'",
      rows: [[null, null, 'x', 1]],
    });
  });

  test('several rows, and the first sheet where none is named', async () => {
    const output = await harness.append(
      inputOf({ range: 'A:B', values: undefined, rows: [['a'], ['b']] }),
    );
    expect(output).toEqual({ store: 'sheets', rows: 2 });
    expect((await harness.stored())[0]?.message).toMatchObject({
      sheet: 'Sheet1',
      rows: [['a'], ['b']],
    });
  });

  test('user_entered goes out as typed and tells where', async () => {
    const output = await harness.append(
      inputOf({ valueInput: 'user_entered', values: ['=1+1', 'x'] }),
    );
    expect(output).toEqual({ store: 'sheets', updatedRange: 'Leads!A1:B1', rows: 1 });
    expect((await harness.stored())[0]?.message).toMatchObject({ valueInput: 'user_entered' });
  });

  test('a person’s consent works as well as a service account', async () => {
    const credential = credentialSchema.parse(harness.emulator.oauthCredential);
    expect(await harness.append(inputOf(), { credential })).toMatchObject({ store: 'sheets' });
  });

  test('in live mode a credential cannot point into a private network', async () => {
    expect(await failureOf(harness.append(inputOf(), { mode: 'live' }))).toMatchObject({
      code: 'blocked_destination',
      effect: 'none',
      permanent: true,
    });
  });

  describe('credentials', () => {
    const withKey = (privateKey: string): GoogleCredential =>
      credentialSchema.parse({ ...harness.emulator.credential, privateKey });

    test('line breaks of the key may be written as \\n', async () => {
      const { credential } = harness.emulator;
      if (credential.type !== 'service_account') throw new Error('not a service account');
      const written = withKey(credential.privateKey.replaceAll('\n', '\\n'));
      expect(await harness.append(inputOf(), { credential: written })).toMatchObject({ rows: 1 });
    });

    test('an unreadable key and a refused consent are permanent', async () => {
      const unreadable = { credential: withKey('-----BEGIN PRIVATE KEY-----nonsense') };
      expect(await failureOf(harness.append(inputOf(), unreadable))).toMatchObject({
        code: 'credential_rejected',
        permanent: true,
        effect: 'none',
      });
      const credential = credentialSchema.parse({
        ...harness.emulator.oauthCredential,
        refreshToken: 'withdrawn',
      });
      expect(await failureOf(harness.append(inputOf(), { credential }))).toMatchObject({
        code: 'credential_rejected',
        providerCode: 'invalid_grant',
        permanent: true,
        effect: 'none',
      });
    });

    test.each([
      [{ status: 503, body: 'later' }, 'unavailable'],
      [tokenRefusal(429, 'rate_limited', 'Slow down'), 'rate_limited'],
      [{ status: 200, body: '<html>' }, 'invalid_response'],
    ])(
      'a token endpoint that fails is asked once, and nothing was written',
      async (reply, code) => {
        harness.emulator.injectWhere(isTokenRequest, { kind: 'reply', reply });
        expect(await failureOf(harness.append(inputOf()))).toMatchObject({
          code,
          permanent: false,
          effect: 'none',
        });
        expect(await harness.append(inputOf())).toMatchObject({ rows: 1 });
      },
    );

    test('a token endpoint that hangs ends with the attempt', async () => {
      harness.emulator.injectWhere(isTokenRequest, { kind: 'hang' });
      expect(await failureOf(harness.append(inputOf(), { timeoutMs: 300 }))).toMatchObject({
        code: 'timeout',
        effect: 'none',
      });
    });

    test('a kept token that was withdrawn is renewed', async () => {
      await harness.append(inputOf(), { key: 'a' });
      harness.emulator.inject({ kind: 'unauthorized' });
      expect(await harness.append(inputOf(), { key: 'b' })).toMatchObject({ store: 'sheets' });
      expect(await harness.stored()).toHaveLength(2);
    });

    test('the credential comes from the environment', () => {
      const { credential } = googleSheetsManifest;
      expect(credential?.fromEnvironment?.({})).toBeUndefined();
      const built = credential?.fromEnvironment?.({
        GOOGLE_CLIENT_EMAIL: 'a@b.iam.gserviceaccount.com',
        GOOGLE_PRIVATE_KEY: 'line\\nline',
        GOOGLE_PROJECT_ID: 'project-1',
      });
      expect(credential?.schema.parse(built)).toEqual({
        type: 'service_account',
        clientEmail: 'a@b.iam.gserviceaccount.com',
        privateKey: 'line\\nline',
        projectId: 'project-1',
      });
    });
  });

  test.each([
    [googleError(403, 'PERMISSION_DENIED', 'no'), 'permission_denied', true, undefined],
    [
      googleError(403, 'PERMISSION_DENIED', 'no', 'SERVICE_DISABLED'),
      'permission_denied',
      true,
      undefined,
    ],
    [
      googleError(403, 'PERMISSION_DENIED', 'q', 'rateLimitExceeded'),
      'rate_limited',
      false,
      60_000,
    ],
    [
      googleError(403, 'PERMISSION_DENIED', 'q', 'userRateLimitExceeded'),
      'rate_limited',
      false,
      60_000,
    ],
    [googleError(403, 'PERMISSION_DENIED', 'q', 'quotaExceeded'), 'rate_limited', false, 600_000],
    [
      googleError(429, 'RESOURCE_EXHAUSTED', 'q', 'RATE_LIMIT_EXCEEDED'),
      'rate_limited',
      false,
      60_000,
    ],
    [
      googleError(404, 'NOT_FOUND', 'Requested entity was not found.'),
      'not_found',
      true,
      undefined,
    ],
    [
      googleError(400, 'INVALID_ARGUMENT', "Unable to parse range: 'X'!A1"),
      'not_found',
      true,
      undefined,
    ],
    [
      googleError(400, 'INVALID_ARGUMENT', 'Invalid requests[0].appendCells'),
      'rejected',
      true,
      undefined,
    ],
    [googleError(413, 'INVALID_ARGUMENT', 'too large'), 'too_large', true, undefined],
    [googleError(500, 'INTERNAL', 'Internal error encountered.'), 'unavailable', false, undefined],
    [googleError(503, 'UNAVAILABLE', 'unavailable'), 'unavailable', false, undefined],
  ] as const)(
    'refusal %# is understood, and did nothing',
    async (reply, code, permanent, retryAfterMs) => {
      harness.refuseAppend(reply);
      const error = await failureOf(harness.append(inputOf()));
      expect(error).toMatchObject({ code, permanent, effect: 'none', retryAfterMs });
      expect(await harness.stored()).toEqual([]);
    },
  );

  test('what Google quotes is not passed on', async () => {
    harness.refuseAppend(
      googleError(400, 'INVALID_ARGUMENT', 'Invalid value "leila@example.com" (0501234567)'),
    );
    const { message } = await failureOf(harness.append(inputOf()));
    expect(message).toContain('Invalid value');
    expect(message).not.toMatch(/leila|0501234567/);
  });

  test.each([
    ['both values and rows', { rows: [['a']] }],
    ['neither', { values: undefined }],
    ['an address instead of an id', { spreadsheetId: 'https://docs.google.com/x' }],
    ['a table name with a backtick', { fallback: { dataset: 'a', table: 'b`' } }],
    ['an object in a cell', { values: [{}] }],
    ['too long a text', { values: ['a'.repeat(50_001)] }],
  ])('the schema refuses %s', (_title, more) => {
    expect(() => inputOf(more)).toThrow();
  });
});
