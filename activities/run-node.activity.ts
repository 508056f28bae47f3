/**
 * Runs one node: ledger → credential → validate → execute → validate → ledger.
 *
 * The operation's idempotency class alone decides what happens to an attempt whose outcome can't be
 * known, and an error's `effect` decides whether it is one. Nothing here knows a provider.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import type { z } from 'zod';
import type {
  ConnectorManifest,
  IdempotencyClass,
  Json,
  NodeLogLine,
  Operation,
  OperationContext,
  OperationManifest,
} from '../connectors/contract.ts';
import { ConnectorError } from '../connectors/errors.ts';
import type { BeginResult, Ledger } from '../db/ledger.ts';
import type {
  NodeFailureDetail,
  RunNodeInput,
  RunNodeResult,
} from '../workflows/activity-contract.ts';
import type { ExecutionError } from '../workflows/contract.ts';
import { predicateOf } from '../workflows/graph/issue-words.ts';
import type { CredentialSource } from './credential-source.ts';
import { toApplicationFailure, toExecutionError } from './to-application-failure.ts';

export interface RunNodeDeps {
  readonly ledger: Ledger;
  readonly credentials: CredentialSource;
  readonly log: OperationContext['log'];
}

/** One operation with what is declared of it. */
export interface RegisteredOperation {
  readonly connector: ConnectorManifest;
  readonly manifest: OperationManifest;
  readonly operation: Operation;
}

/** Of one attempt, in the node's own log. */
const MAX_LOG_LINES = 200;
const HEARTBEAT_MS = 3_000;
/** Characters of JSON that a node may pass on. */
const MAX_OUTPUT_CHARACTERS = 8_000_000;
const WORTH_TELLING = { characters: 4_000, ms: 500 } as const;
/** Attempts that dying workers may burn on top of the node's own. */
const CRASH_ALLOWANCE = 3;
/** A finished effect that can't be recorded is retried this long before the attempt is given up. */
const FINISH_RETRY_MS = [100, 400, 1_500, 4_000] as const;

/** @returns the activity that runs this operation for any node */
export function createRunNode(registered: RegisteredOperation, deps: RunNodeDeps) {
  const { connector, manifest, operation } = registered;
  const { ledger } = deps;

  return async function runNode(input: RunNodeInput): Promise<RunNodeResult> {
    // Before the claim, so that nothing but the call itself stands between claim and report: an
    // attempt that was interrupted while it read its credential must not count as in doubt.
    const prepared = await prepare(input);
    const begun = await begin(input);
    switch (begun.state) {
      case 'recorded':
        return {
          output: begun.output,
          attempt: begun.attempt,
          ...measures(JSON.stringify(begun.output).length),
        };
      case 'failed':
        throw recordedFailure(begun.attempt, begun.error);
      case 'closed':
        throw executionClosed(input);
      case 'fresh':
      case 'in_doubt':
        break;
    }
    const { attempt } = begun;
    const heartbeat = startHeartbeat();
    const logs: NodeLogLine[] = [];
    const begunAt = Date.now();
    /** Whether an earlier attempt may have acted, as far as is known by now. */
    let wasInDoubt = begun.state === 'in_doubt';
    let stage: 'before' | 'acting' | 'after' = 'before';
    try {
      if (attempt > input.maximumAttempts + CRASH_ALLOWANCE) {
        throw new ConnectorError(
          'unavailable',
          `${attempt - 1} attempts at "${input.name}" ended without a report, each with its worker. Look at the workers’ logs for what this node does to them.`,
          { effect: wasInDoubt ? 'possible' : 'none', permanent: true },
        );
      }
      if ('error' in prepared) throw prepared.error;
      const { credential, parsed, idempotency } = prepared;
      const limit = attemptSignal(input.timeoutMs);
      const context: OperationContext = {
        key: `${input.executionId}/${input.nodeId}/${input.iteration}`,
        attempt,
        lastAttempt: attempt >= input.maximumAttempts,
        ...(begun.state === 'in_doubt' ? { inDoubtSince: begun.since } : {}),
        credential,
        mode: input.mode,
        traceHeaders: input.mode === 'sandbox' ? traceHeaders(input) : {},
        timeoutMs: input.timeoutMs,
        signal: limit.signal,
        log: (message, fields) =>
          deps.log(message, { executionId: input.executionId, nodeId: input.nodeId, ...fields }),
        tell: (lines) => {
          logs.push(...lines.slice(0, MAX_LOG_LINES - logs.length));
        },
      };
      try {
        const earlier = wasInDoubt
          ? await settleDoubt(input, parsed, context, idempotency)
          : undefined;
        // A look-up has said that no earlier attempt acted; other classes act on without knowing.
        if (idempotency === 'queryable') wasInDoubt = false;
        stage = 'acting';
        const output = earlier ?? { value: await operation.execute(parsed, context) };
        stage = 'after';
        const value = parseOutput(manifest, output.value);
        const size = JSON.stringify(value).length;
        if (size > MAX_OUTPUT_CHARACTERS) throw await refuseOutput(input, { attempt, logs }, size);
        await finish(
          input,
          { attempt, logs },
          { status: 'succeeded', output: value, port: 'success' },
        );
        return { output: value, attempt, ...measures(size, Date.now() - begunAt) };
      } finally {
        limit.release();
      }
    } catch (error) {
      // What was decided further down only passes through here.
      if (!(error instanceof ConnectorError) && isDecided(error)) throw error;
      const idempotency = 'error' in prepared ? manifest.idempotency : prepared.idempotency;
      throw await report(input, error, {
        attempt,
        logs,
        idempotency,
        inDoubt: idempotency !== 'read' && (wasInDoubt || mayHaveActed(error, stage)),
      });
    } finally {
      heartbeat.stop();
    }
  };

  /** All that can be known to be wrong before anything is claimed. */
  async function prepare(input: RunNodeInput): Promise<Prepared> {
    try {
      const credential = await deps.credentials.resolve({
        projectId: input.projectId,
        connector: connector.type,
        mode: input.mode,
        ...(input.credential === undefined ? {} : { credential: input.credential }),
      });
      const parsed = parseInput(manifest, input);
      const idempotency = operation.classify?.(parsed, credential) ?? manifest.idempotency;
      return { credential, parsed, idempotency };
    } catch (error) {
      return { error };
    }
  }

  async function begin(input: RunNodeInput): Promise<BeginResult> {
    try {
      await ledger.record(input.executionId, input.records);
      return await ledger.begin(
        {
          projectId: input.projectId,
          executionId: input.executionId,
          workflowId: input.workflowId,
          leadId: input.leadId,
          nodeId: input.nodeId,
          nodeName: input.name,
          iteration: input.iteration,
          connector: input.connector,
          operation: input.operation,
          maximumAttempts: input.maximumAttempts,
          input: input.input,
        },
        { marksRunning: input.marksRunning },
      );
    } catch (error) {
      throw ledgerUnavailable(input, error);
    }
  }

  /**
   * What an earlier attempt left behind.
   * @returns its output if it turned out to have acted; undefined if it is safe to act now
   */
  async function settleDoubt(
    input: RunNodeInput,
    parsed: unknown,
    context: OperationContext,
    idempotency: IdempotencyClass,
  ): Promise<{ readonly value: unknown } | undefined> {
    switch (idempotency) {
      case 'read':
      case 'native-key':
        return undefined;
      case 'queryable': {
        if (operation.lookup === undefined) {
          throw new Error(`${connector.type}.${manifest.name} is queryable but has no look-up.`);
        }
        const found = await operation.lookup(parsed, context);
        return found.found ? { value: found.output } : undefined;
      }
      case 'blind':
        switch (input.onUnknown) {
          case 'resend':
            return undefined;
          case 'hold':
          case 'assume-sent':
            throw new ConnectorError(
              'timeout',
              `An earlier attempt at "${input.name}" was interrupted, and ${connector.title} can’t be asked whether it took effect.`,
              { effect: 'possible', permanent: false },
            );
        }
    }
  }

  /** Decides what follows from a failed attempt, and writes it down. @returns the error to throw */
  async function report(
    input: RunNodeInput,
    error: unknown,
    at: {
      readonly attempt: number;
      readonly logs: readonly NodeLogLine[];
      readonly idempotency: IdempotencyClass;
      readonly inDoubt: boolean;
    },
  ): Promise<Error> {
    const executionError = toExecutionError(input.nodeId, error);
    const { attempt, inDoubt } = at;
    deps.log('An attempt at a node failed.', {
      executionId: input.executionId,
      nodeId: input.nodeId,
      operation: `${connector.type}.${manifest.name}`,
      attempt,
      code: executionError.code,
      inDoubt,
    });
    if (error instanceof ConnectorError && error.code === 'cancelled') {
      await finish(input, at, { status: 'cancelled', error: executionError, inDoubt });
      return new CancelledFailure(executionError.message);
    }
    const detail = (
      verdict: NodeFailureDetail['verdict'],
      retryAfterMs = 0,
    ): NodeFailureDetail => ({
      verdict,
      error: executionError,
      attempt,
      retryAfterMs,
    });
    if (inDoubt && at.idempotency === 'blind' && input.onUnknown !== 'resend') {
      if (input.onUnknown === 'assume-sent') {
        await finish(input, at, {
          status: 'succeeded',
          output: { assumed: true },
          port: 'success',
        });
        return toApplicationFailure(detail('retry'));
      }
      await finish(input, at, { status: 'unknown', error: executionError, inDoubt });
      return toApplicationFailure(detail('unknown'));
    }
    const permanent = error instanceof ConnectorError && error.permanent;
    if (!permanent && attempt < input.maximumAttempts) {
      await finish(input, at, { status: 'retrying', error: executionError, inDoubt });
      return toApplicationFailure(detail('retry', retryDelay(input, error, attempt)));
    }
    await finish(input, at, { status: 'failed', error: executionError, inDoubt });
    return toApplicationFailure(detail('failed'));
  }

  /** It acted, and nothing of it could be passed on: no repetition would change that. */
  async function refuseOutput(
    input: RunNodeInput,
    at: Parameters<typeof finish>[1],
    size: number,
  ): Promise<Error> {
    const error: ExecutionError = {
      code: 'output_too_large',
      message: `"${input.name}" took place, but its result is ${size} characters; ${MAX_OUTPUT_CHARACTERS} is the limit. Ask for less at a time, for example page by page.`,
      nodeId: input.nodeId,
      details: { size, limit: MAX_OUTPUT_CHARACTERS },
    };
    await finish(input, at, { status: 'failed', error, inDoubt: false });
    const { attempt } = at;
    return toApplicationFailure({ verdict: 'failed', error, attempt, retryAfterMs: 0 });
  }

  async function finish(
    input: RunNodeInput,
    attempt: { readonly attempt: number; readonly logs: readonly NodeLogLine[] },
    outcome: Parameters<Ledger['finish']>[1],
  ): Promise<void> {
    for (const delay of [...FINISH_RETRY_MS, undefined]) {
      try {
        return await ledger.finish(input, outcome, {
          attempt: attempt.attempt,
          logs: attempt.logs,
        });
      } catch (error) {
        if (delay === undefined) throw ledgerUnavailable(input, error);
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }
}

/** What the workflow limits its tasks by, where it is worth telling. */
function measures(size: number, ms = 0): Pick<RunNodeResult, 'size' | 'ms'> {
  return {
    ...(size >= WORTH_TELLING.characters ? { size } : {}),
    ...(ms >= WORTH_TELLING.ms ? { ms } : {}),
  };
}

function parseInput(manifest: OperationManifest, input: RunNodeInput): unknown {
  const given = input.scope === undefined ? input.input : { ...input.input, input: input.scope };
  const result = manifest.input.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const predicate = predicateOf(issue, issue.message.includes('received undefined'));
    return `${issue.path.length === 0 ? 'It' : `"${fieldOf(issue)}"`} ${predicate}`;
  });
  throw new ConnectorError(
    'invalid_config',
    `The configuration of "${input.name}" isn’t right once its expressions are filled in. ${problems.join(' ')}`,
    {
      effect: 'none',
      permanent: true,
      pointer: `/config/${result.error.issues[0]?.path.join('/') ?? ''}`,
    },
  );
}

function fieldOf(issue: z.core.$ZodIssue): string {
  return issue.path.length === 0 ? 'config' : issue.path.map(String).join('.');
}

/** A connector's answer that isn't what it declares is a defect, noticed before it spreads. */
function parseOutput(manifest: OperationManifest, value: unknown): Json {
  const result = manifest.output.safeParse(value);
  if (result.success) return result.data as Json;
  const [issue] = result.error.issues;
  throw new ConnectorError(
    'invalid_response',
    `The result of "${manifest.title}" isn’t of the declared form (${issue === undefined ? '' : fieldOf(issue)}: ${issue?.message}).`,
    { effect: 'possible', permanent: true },
  );
}

type Prepared =
  | {
      readonly credential: unknown;
      readonly parsed: unknown;
      readonly idempotency: IdempotencyClass;
    }
  | { readonly error: unknown };

/** What can't be told apart counts as possible: better a question too many than a message too many. */
function mayHaveActed(error: unknown, stage: 'before' | 'acting' | 'after'): boolean {
  if (stage === 'before') return false;
  if (stage === 'after') return true;
  return !(error instanceof ConnectorError) || error.effect === 'possible';
}

function retryDelay(input: RunNodeInput, error: unknown, attempt: number): number {
  const { initialIntervalMs, backoffCoefficient, maximumIntervalMs } = input.retry;
  const backoff = Math.min(
    initialIntervalMs * backoffCoefficient ** (attempt - 1),
    maximumIntervalMs,
  );
  const asked = error instanceof ConnectorError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(backoff, asked);
}

function traceHeaders(input: RunNodeInput): Record<string, string> {
  return {
    'x-masar-execution-id': input.executionId,
    'x-masar-node-id': input.nodeId,
    'x-masar-iteration': input.iteration,
  };
}

/** Aborts on cancellation of the activity and, as a time-out, when the attempt's time is up. */
function attemptSignal(timeoutMs: number): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const cancellation = Context.current().cancellationSignal;
  const cancel = (): void =>
    controller.abort(
      new ConnectorError('cancelled', 'The execution was cancelled.', {
        effect: 'possible',
        permanent: true,
      }),
    );
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`No answer within ${timeoutMs} ms.`, 'TimeoutError'));
  }, timeoutMs);
  if (cancellation.aborted) cancel();
  else cancellation.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      cancellation.removeEventListener('abort', cancel);
    },
  };
}

/** Queued attempts report that they are alive; a local one is watched by its own worker. */
function startHeartbeat(): { stop(): void } {
  const context = Context.current();
  if (context.info.isLocal) return { stop: () => undefined };
  const timer = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  return { stop: () => clearInterval(timer) };
}

/** A worker that comes back after the execution was closed (cancelled, terminated) sends nothing. */
function recordedFailure(attempt: number, error: ExecutionError): Error {
  return toApplicationFailure({ verdict: 'failed', error, attempt, retryAfterMs: 0 });
}

function executionClosed(input: RunNodeInput): Error {
  const error: ExecutionError = {
    code: 'execution_closed',
    message: `The execution has ended, so "${input.name}" isn’t run any more.`,
    nodeId: input.nodeId,
  };
  return toApplicationFailure({ verdict: 'failed', error, attempt: 0, retryAfterMs: 0 });
}

function ledgerUnavailable(input: RunNodeInput, cause: unknown): Error {
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  const error: ExecutionError = {
    code: 'ledger_unavailable',
    message: `The database can’t be reached${reason}; "${input.name}" goes on when it can.`,
    nodeId: input.nodeId,
  };
  return toApplicationFailure({
    verdict: 'ledger_unavailable',
    error,
    attempt: 0,
    retryAfterMs: 0,
  });
}

function isDecided(error: unknown): boolean {
  return (
    error instanceof CancelledFailure ||
    (error instanceof Error && error.name === 'ApplicationFailure')
  );
}
