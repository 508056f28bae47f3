/**
 * What a connector is. A connector is one folder that could be lifted out: it knows nothing of
 * Temporal, the database or Express.
 *
 *   manifest.ts  what the builder, the planner and the API know of it (no IO, no SDK imports)
 *   schema.ts    zod schemas of inputs, outputs and credential
 *   execute.ts   how an operation acts
 *   emulator.ts  a local stand-in that speaks the provider's protocol
 */
import type { z } from 'zod';

/** Anything JSON can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * How often an operation may be sent, which alone decides its retries:
 * - `read`: changes nothing; retry freely.
 * - `native-key`: the provider recognises our key; retry freely with the same key.
 * - `queryable`: after an attempt in doubt, look first whether it took effect; then act.
 * - `blind`: an attempt in doubt can be neither recognised nor looked up: never repeated by itself.
 */
export type IdempotencyClass = 'read' | 'native-key' | 'queryable' | 'blind';

export interface OperationManifest {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What the node's config must be once its expressions are rendered. */
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  /** The class in the usual case; `Operation.classify` answers for one concrete call. */
  readonly idempotency: IdempotencyClass;
  /**
   * `short`: usually done within seconds, so its first attempt runs as a local activity.
   * `long`: always a queued activity.
   */
  readonly duration: 'short' | 'long';
  /** Default time limit of one attempt in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Top-level input field with a duration that limits the work itself (custom code). Where a node
   * sets it, its attempt may take that long and `timeoutMs` more.
   */
  readonly timeoutField?: string;
  /** Top-level input fields whose text is never rendered as expressions (program text). */
  readonly rawFields?: readonly string[];
  /** True: the operation gets all expression roots as `input` besides its config (custom code). */
  readonly receivesScope?: boolean;
  /** An input that works, shown by the builder. */
  readonly sample: JsonObject;
}

export interface CredentialManifest {
  /** The `type` of POST /api/credentials, e.g. `smtp`. */
  readonly type: string;
  readonly title: string;
  readonly schema: z.ZodType;
  /**
   * Builds the credential from the process environment, under the provider's own names.
   * @returns undefined where the variables are not set
   */
  readonly fromEnvironment?: (env: Readonly<Record<string, string | undefined>>) => unknown;
}

export interface ConnectorManifest {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  /** null: the connector needs none. */
  readonly credential: CredentialManifest | null;
  /** True: a node may name a credential but works without one (plain HTTP). */
  readonly credentialOptional?: boolean;
  /** The first one is the default. */
  readonly operations: readonly [OperationManifest, ...OperationManifest[]];
}

export type ExecutionMode = 'live' | 'sandbox';

export const NODE_LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A line of a node's own log, which people see beside its output. */
export interface NodeLogLine {
  readonly level: (typeof NODE_LOG_LEVELS)[number];
  readonly text: string;
}

/** What an operation is given besides its input. */
export interface OperationContext<Credential = unknown> {
  /** Identity of the side effect: execution/node/iteration. The same on every attempt. */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** True if a failure of this attempt will not be retried. */
  readonly lastAttempt: boolean;
  /**
   * When the first attempt began, if one of the earlier ones may have acted and its outcome is not
   * known; undefined if none has. A queryable operation was looked up before it is executed.
   */
  readonly inDoubtSince?: Date | undefined;
  /** Parsed by the credential schema; undefined only where the connector needs none. */
  readonly credential: Credential;
  readonly mode: ExecutionMode;
  /** In sandbox mode, headers that let the emulator say which node a message came from; else empty. */
  readonly traceHeaders: Readonly<Record<string, string>>;
  /** Time limit of this attempt in milliseconds. The signal fires shortly before it. */
  readonly timeoutMs: number;
  /** Aborted on time-out and on cancellation; `signal.reason` tells which. */
  readonly signal: AbortSignal;
  /** The engine's log, for operators: no personal data. */
  readonly log: (
    message: string,
    fields?: Readonly<Record<string, string | number | boolean>>,
  ) => void;
  /** Adds to the node's own log, which only those see who may see its input and output. */
  readonly tell: (lines: readonly NodeLogLine[]) => void;
}

/** Answer of a look-up after an attempt in doubt. */
export type LookupResult<Output> =
  | { readonly found: true; readonly output: Output }
  | { readonly found: false };

/** One operation of a connector: `<connector>.<operation>` is also its activity type. */
export interface Operation<Input = unknown, Output = unknown, Credential = unknown> {
  /** The class of this concrete call; the manifest's where absent. */
  classify?(input: Input, credential: Credential): IdempotencyClass;
  /**
   * Did an earlier attempt of `context.key` take effect? Required where `classify` or the manifest
   * can answer `queryable`.
   * @throws ConnectorError if the provider can't be asked right now
   */
  lookup?(input: Input, context: OperationContext<Credential>): Promise<LookupResult<Output>>;
  /**
   * Acts, once.
   * @throws ConnectorError with `effect` and `permanent` stated
   */
  execute(input: Input, context: OperationContext<Credential>): Promise<Output>;
}

/** What a check of a credential is given. */
export interface CredentialCheckContext {
  /** Time limit in milliseconds; the signal fires at it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a check found: what the credential opens, for people; or why only a real send can tell. */
export type CheckedCredential = { readonly account?: string } | { readonly untestable: string };

/** Is a credential usable? */
export interface CredentialCheck<Credential = unknown> {
  /**
   * Logs in, and changes nothing.
   * @returns no secret
   * @throws ConnectorError that says what is wrong
   */
  run(credential: Credential, context: CredentialCheckContext): Promise<CheckedCredential>;
}

/** A message that an emulator accepted, as it received it. */
export interface SandboxMessage {
  readonly connector: string;
  readonly operation: string;
  readonly executionId?: string;
  readonly nodeId?: string;
  readonly iteration?: string;
  /** Who would have received it: address, phone number, spreadsheet id, URL. */
  readonly to?: string;
  /** What the emulator finds the message by when it is asked (Message-ID, idempotency key). */
  readonly lookupKey?: string;
  readonly message: JsonObject;
}

export interface StoredSandboxMessage extends SandboxMessage {
  readonly id: string;
  readonly receivedAt: string;
}

/** Where emulators keep what they accepted. Durable in the product, in memory in connector tests. */
export interface SandboxStore {
  /**
   * Stores a message before the emulator acknowledges it.
   * @returns the stored message; an existing one if `lookupKey` was given and is known for the connector
   */
  add(
    message: SandboxMessage,
    options?: { readonly unique?: boolean },
  ): Promise<{ stored: StoredSandboxMessage; duplicate: boolean }>;
  find(connector: string, lookupKey: string): Promise<StoredSandboxMessage | undefined>;
  /** Newest first. */
  list(filter: {
    readonly connector?: string;
    readonly to?: string;
    readonly executionId?: string;
    readonly limit?: number;
  }): Promise<readonly StoredSandboxMessage[]>;
}

/**
 * What an emulator does wrong on request, so that tests see what providers do on bad days.
 * `dropAfterAccept` accepts and then breaks the connection; `hangAfterAccept` accepts and never answers.
 */
export type EmulatorFault =
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'rateLimited'; readonly retryAfterSeconds: number }
  | { readonly kind: 'serverError'; readonly status?: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'garbage' }
  | { readonly kind: 'dropAfterAccept' }
  | { readonly kind: 'hangAfterAccept' };

export interface EmulatorDeps {
  readonly store: SandboxStore;
  /** Interface to listen on, e.g. 127.0.0.1. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** A running emulator. */
export interface Emulator<Credential = unknown> {
  readonly connector: string;
  /** Base address, e.g. http://127.0.0.1:4001 or smtp://127.0.0.1:4002. */
  readonly url: string;
  /** The credential with which the connector talks to this emulator. */
  readonly credential: Credential;
  /** The next requests fail in this way, one fault each, in order. */
  inject(...faults: EmulatorFault[]): void;
  close(): Promise<void>;
}

export type StartEmulator<Credential = unknown> = (
  deps: EmulatorDeps,
) => Promise<Emulator<Credential>>;
