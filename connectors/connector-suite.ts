/**
 * The tests that every connector runs, against its emulator over a real network.
 *
 * What they hold a connector to:
 *   S1  an answer matches the manifest's output schema, and the provider accepted one message
 *   S2  an error states truthfully whether the provider may have acted (`effect`)
 *   S3  an error states truthfully whether a repetition is pointless (`permanent`)
 *   S4  after an attempt in doubt, the idempotency class keeps its promise: a native key is
 *       recognised, a queryable effect is found, and nothing is found for another key
 *   S5  time-outs and cancellation end the attempt
 *   S6  no error gives away the credential
 *
 * Protocols differ: `expect` narrows or drops what a fault leads to.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type {
  ConnectorManifest,
  Emulator,
  EmulatorFault,
  IdempotencyClass,
  LookupResult,
  Operation,
  OperationContext,
  SandboxStore,
  StartEmulator,
} from './contract.ts';
import { ConnectorError, type ConnectorErrorCode } from './errors.ts';
import { createMemorySandboxStore } from './memory-sandbox-store.ts';

/** Time limit of the attempts that the emulator never answers, in milliseconds. */
const SHORT_TIMEOUT_MS = 400;
/** Time limit of the others: reached only if a connector hangs by itself. */
const LONG_TIMEOUT_MS = 8_000;
const RETRY_AFTER_SECONDS = 7;

export type FaultKind = EmulatorFault['kind'] | 'refused' | 'cancelled';

/** What an error must say. What is undefined is not looked at. */
export interface ExpectedFailure {
  readonly code?: ConnectorErrorCode | undefined;
  readonly effect?: 'none' | 'possible' | undefined;
  readonly permanent?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
}

export interface ConnectorSuiteOptions<Input, Output, Credential> {
  /** Title of the tests; say the variant if a connector runs the suite more than once. */
  readonly name: string;
  readonly manifest: ConnectorManifest;
  /** The operation's name in the manifest; the first one if left out. */
  readonly operationName?: string;
  readonly startEmulator: StartEmulator<Credential>;
  /**
   * A fresh operation for each test.
   * @returns with `close`, if it holds connections
   */
  readonly operation: (
    emulator: Emulator<Credential>,
  ) => OperationUnderTest<Input, Output, Credential>;
  /** A valid input; a function where it depends on the emulator's address. */
  readonly input: Input | ((emulator: Emulator<Credential>) => Input);
  /** Changes the emulator's credential, e.g. leaves out what makes the operation queryable. */
  readonly credential?: (credential: Credential) => Credential;
  /** The class of this call; the manifest's if left out. */
  readonly idempotency?: IdempotencyClass;
  /** How often the provider accepted the message; the number of messages in the store if left out. */
  readonly countAccepted?: (store: SandboxStore) => Promise<number>;
  /**
   * Where this protocol differs from the defaults, by fault. Merged into them; a field set to
   * undefined is not checked; `false` drops the test because the protocol knows no such fault.
   */
  readonly expect?: Readonly<Partial<Record<FaultKind, ExpectedFailure | false>>>;
  /** Strings besides the credential's that no error message may contain (addresses, texts). */
  readonly personalData?: readonly string[];
}

export interface OperationUnderTest<Input, Output, Credential> {
  readonly operation: Operation<Input, Output, Credential>;
  readonly close?: () => Promise<void>;
}

/**
 * An OperationContext for tests. Its signal fires at `timeoutMs` with a reason named
 * `TimeoutError`, as the engine's does; any other reason is a cancellation.
 */
export function testContext<Credential>(
  overrides: Partial<OperationContext<Credential>> & { readonly credential: Credential },
): OperationContext<Credential> {
  const timeoutMs = overrides.timeoutMs ?? LONG_TIMEOUT_MS;
  const limit = AbortSignal.timeout(timeoutMs);
  return {
    key: 'execution-1/node-1/',
    attempt: 1,
    lastAttempt: false,
    mode: 'sandbox',
    traceHeaders: {
      'X-Masar-Execution-Id': 'execution-1',
      'X-Masar-Node-Id': 'node-1',
      'X-Masar-Iteration': '',
    },
    log: () => {},
    tell: () => {},
    ...overrides,
    timeoutMs,
    signal: overrides.signal === undefined ? limit : AbortSignal.any([overrides.signal, limit]),
  };
}

/**
 * Runs `attempt` and returns the ConnectorError that it must fail with.
 * @throws Error if it succeeds or fails with anything else
 */
export async function failureOf(attempt: Promise<unknown>): Promise<ConnectorError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ConnectorError) return error;
    throw new Error('a connector must fail with a ConnectorError only', { cause: error });
  }
  throw new Error('the operation succeeded, although it should have failed');
}

/** Registers the suite. See the file's header for what it demands. */
export function describeConnector<Input, Output, Credential>(
  options: ConnectorSuiteOptions<Input, Output, Credential>,
): void {
  const { manifest } = options;
  const described =
    manifest.operations.find(({ name }) => name === options.operationName) ??
    manifest.operations[0];
  const idempotency = options.idempotency ?? described.idempotency;
  const expected = expectations(idempotency);

  describe(`${options.name}: what every connector promises`, () => {
    let store: SandboxStore;
    let emulator: Emulator<Credential>;
    let credential: Credential;
    let input: Input;
    let underTest: OperationUnderTest<Input, Output, Credential>;

    beforeEach(async () => {
      store = createMemorySandboxStore();
      emulator = await options.startEmulator({ store, host: '127.0.0.1', port: 0 });
      credential = options.credential?.(emulator.credential) ?? emulator.credential;
      input = isInputMaker(options.input) ? options.input(emulator) : options.input;
      underTest = options.operation(emulator);
    });

    afterEach(async () => {
      await underTest.close?.();
      await emulator.close();
    });

    const execute = (overrides: Partial<OperationContext<Credential>> = {}): Promise<Output> =>
      underTest.operation.execute(input, testContext({ credential, ...overrides }));

    const accepted = (): Promise<number> =>
      options.countAccepted?.(store) ??
      store.list({ connector: manifest.type }).then((messages) => messages.length);

    const classOfCall = (): IdempotencyClass =>
      underTest.operation.classify?.(input, credential) ?? described.idempotency;

    const lookup = async (key?: string): Promise<LookupResult<Output>> => {
      if (underTest.operation.lookup === undefined) throw new Error('the operation has no lookup');
      return underTest.operation.lookup(
        input,
        testContext({ credential, ...(key === undefined ? {} : { key }) }),
      );
    };

    const expectOutput = (output: unknown): void => {
      expect(described.output.safeParse(output).error?.issues ?? []).toEqual([]);
    };

    /** S4, after an attempt whose message was accepted and whose answer was lost. */
    const expectClassKept = async (): Promise<void> => {
      if (idempotency === 'native-key') {
        expectOutput(await execute());
      }
      if (idempotency === 'queryable') {
        const result = await lookup();
        expect(result.found).toBe(true);
        if (result.found) expectOutput(result.output);
        expect(await lookup('execution-2/node-1/')).toEqual({ found: false });
      }
      if (idempotency !== 'read') expect(await accepted()).toBe(1);
    };

    /** S2, S3 and S6 for one failed attempt. */
    const expectFailure = (kind: FaultKind, error: ConnectorError): void => {
      const override = options.expect?.[kind];
      const wanted = { ...expected[kind], ...(override === false ? {} : override) };
      const { code, effect, permanent, retryAfterMs } = error;
      const actual = { code, effect, permanent, retryAfterMs };
      expect(actual).toMatchObject(
        Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)),
      );
      expect(error.message.length).toBeGreaterThan(20);
      const told = everythingToldBy(error);
      for (const secret of secretsIn(credential)) expect(told).not.toContain(secret);
      for (const personal of options.personalData ?? []) {
        expect(error.message + JSON.stringify(error.details ?? {})).not.toContain(personal);
      }
    };

    const testFault = (kind: FaultKind, title: string, body: () => Promise<void>): void => {
      if (options.expect?.[kind] !== false) test(title, body);
    };

    test('the sample of the manifest is a valid input', () => {
      const parsed = described.input.safeParse(described.sample);
      expect(parsed.error?.issues ?? []).toEqual([]);
    });

    test('the credential of the emulator fits the manifest', () => {
      if (manifest.credential === null) expect(credential).toBeUndefined();
      else expect(manifest.credential.schema.safeParse(credential).error?.issues ?? []).toEqual([]);
    });

    test(`the call is ${idempotency}`, () => {
      expect(classOfCall()).toBe(idempotency);
      if (idempotency === 'queryable') expect(underTest.operation.lookup).toBeDefined();
    });

    test('success: one message accepted, the output as the manifest says', async () => {
      expectOutput(await execute());
      expect(await accepted()).toBe(1);
    });

    testFault('unauthorized', 'a refused credential is permanent and did nothing', async () => {
      emulator.inject({ kind: 'unauthorized' });
      expectFailure('unauthorized', await failureOf(execute()));
      expect(await accepted()).toBe(0);
    });

    testFault('rateLimited', 'a rate limit did nothing and says when to come back', async () => {
      emulator.inject({ kind: 'rateLimited', retryAfterSeconds: RETRY_AFTER_SECONDS });
      expectFailure('rateLimited', await failureOf(execute()));
      expect(await accepted()).toBe(0);
    });

    testFault('serverError', 'a failing provider may be asked again', async () => {
      emulator.inject({ kind: 'serverError' });
      expectFailure('serverError', await failureOf(execute()));
    });

    testFault('hang', 'a provider that never answers ends in a time-out', async () => {
      emulator.inject({ kind: 'hang' });
      expectFailure('hang', await failureOf(execute({ timeoutMs: SHORT_TIMEOUT_MS })));
    });

    testFault('garbage', 'an answer in no known form is named as such', async () => {
      emulator.inject({ kind: 'garbage' });
      expectFailure('garbage', await failureOf(execute()));
    });

    testFault('refused', 'a refused connection did nothing', async () => {
      await emulator.close();
      expectFailure('refused', await failureOf(execute()));
    });

    testFault('cancelled', 'cancellation ends the attempt', async () => {
      emulator.inject({ kind: 'hang' });
      const controller = new AbortController();
      const attempt = failureOf(execute({ signal: controller.signal }));
      setTimeout(() => controller.abort(new Error('the execution was cancelled')), 150);
      const started = performance.now();
      expectFailure('cancelled', await attempt);
      expect(performance.now() - started).toBeLessThan(LONG_TIMEOUT_MS / 2);
    });

    testFault('cancelled', 'cancelled before it began: nobody is called', async () => {
      const error = await failureOf(execute({ signal: AbortSignal.abort(new Error('cancelled')) }));
      expectFailure('cancelled', error);
      expect(error.effect).toBe('none');
      expect(await accepted()).toBe(0);
    });

    for (const kind of ['dropAfterAccept', 'hangAfterAccept'] as const) {
      const timeoutMs = kind === 'hangAfterAccept' ? SHORT_TIMEOUT_MS : LONG_TIMEOUT_MS;

      testFault(kind, `${kind}: the provider may have acted, and did`, async () => {
        emulator.inject({ kind });
        expectFailure(kind, await failureOf(execute({ timeoutMs })));
        expect(await accepted()).toBe(1);
        await expectClassKept();
      });
    }

    if (idempotency === 'queryable') {
      test('nothing was sent: the lookup finds nothing', async () => {
        expect(await lookup()).toEqual({ found: false });
      });
    }
  });
}

/** What HTTP providers lead to; `expect` of the suite's options changes it per fault. */
function expectations(idempotency: IdempotencyClass): Record<FaultKind, ExpectedFailure> {
  const inDoubt = idempotency === 'read' ? undefined : 'possible';
  return {
    unauthorized: { code: 'credential_rejected', effect: 'none', permanent: true },
    rateLimited: {
      code: 'rate_limited',
      effect: 'none',
      permanent: false,
      retryAfterMs: RETRY_AFTER_SECONDS * 1000,
    },
    serverError: { code: 'unavailable', permanent: false },
    hang: { code: 'timeout', effect: inDoubt, permanent: false },
    garbage: { code: 'invalid_response' },
    dropAfterAccept: { effect: inDoubt, permanent: false },
    hangAfterAccept: { code: 'timeout', effect: inDoubt, permanent: false },
    refused: { code: 'unavailable', effect: 'none', permanent: false },
    cancelled: { code: 'cancelled' },
  };
}

/** Values under these names identify a service rather than open it. */
const PUBLIC_FIELDS = /^(host|port|secure|from|url|baseUrl|type|apiVersion|sentMailbox)$/i;

/** Every string of a credential that must not be told. */
function secretsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length >= 4 ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    PUBLIC_FIELDS.test(name) ? [] : secretsIn(inner),
  );
}

/** Messages and details of an error and of its causes: all that may reach a log. */
function everythingToldBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error ?? '');
  const details = error instanceof ConnectorError ? JSON.stringify(error.details ?? {}) : '';
  return `${error.message}\n${details}\n${error.cause === undefined ? '' : everythingToldBy(error.cause)}`;
}

function isInputMaker<Input, Credential>(
  input: Input | ((emulator: Emulator<Credential>) => Input),
): input is (emulator: Emulator<Credential>) => Input {
  return typeof input === 'function';
}
