/**
 * Where every node of a run is: kept for the `state` query, shown in Temporal's Web UI as the
 * current details, and collected as log rows for nodes that called nobody. No IO.
 */
import type { NodeRecord } from './activity-contract.ts';
import type {
  ExecutionError,
  ExecutionState,
  ExecutionStatus,
  NodeState,
  NodeStatus,
} from './contract.ts';
import type { Json } from './graph/json.ts';
import { allNodes, type ExecutionPlan, type PlanNode } from './graph/plan-types.ts';

interface Progress {
  readonly node: PlanNode;
  readonly iteration: string;
  status: NodeStatus;
  attempts: number;
  startedAt: number | null;
  endedAt: number | null;
  error: ExecutionError | null;
  /** Its line in the details, until something changes. */
  line: string | null;
}

/** In a larger graph the details list only nodes that are at work or went wrong. */
const FULL_TABLE_NODES = 40;

const NOTEWORTHY: readonly NodeStatus[] = ['running', 'waiting', 'retrying', 'failed', 'unknown'];

const SYMBOLS: Readonly<Record<NodeStatus, string>> = {
  pending: '·',
  running: '▶',
  waiting: '⏸',
  retrying: '↻',
  succeeded: '✓',
  failed: '✗',
  skipped: '–',
  cancelled: '⊘',
  unknown: '?',
};

export interface ProgressOptions {
  /** Milliseconds since the epoch; in a workflow the deterministic clock. */
  readonly now: () => number;
  /** Called after every change. */
  readonly changed: (details: string) => void;
}

export interface NodeChange {
  readonly attempts?: number;
  readonly error?: ExecutionError | null;
  readonly input?: Json;
  readonly output?: Json;
  readonly port?: string | null;
  /** True: the node has no ledger row of its own, so a record is written for it. */
  readonly record?: boolean;
}

/** Where all nodes are, for a run that goes on with the execution. */
export interface ProgressState {
  readonly status: ExecutionStatus;
  readonly nodes: readonly (Omit<Progress, 'node' | 'line'> & { readonly nodeId: string })[];
  readonly innerEnded: readonly (readonly [NodeStatus, number])[];
  readonly records: readonly NodeRecord[];
}

/** @param left where the nodes were when an earlier run of the same execution stopped */
export function createProgress(
  plan: ExecutionPlan,
  options: ProgressOptions,
  left?: ProgressState,
) {
  const outermost = new Map<string, Progress>(
    plan.nodes.map((node) => [node.id, pending(node, '')]),
  );
  /** Nodes inside a forEach, by node and iteration, until they end; then only their number is kept. */
  const inner = new Map<string, Progress>();
  const innerEnded = new Map<NodeStatus, number>(left?.innerEnded);
  const nodes = allNodes(plan);
  const size = nodes.length;
  let status: ExecutionStatus = left?.status ?? 'running';
  let records: NodeRecord[] = [...(left?.records ?? [])];
  let isStale = false;
  for (const { nodeId, ...where } of left?.nodes ?? []) {
    const node = nodes.find((candidate) => candidate.id === nodeId);
    if (node !== undefined) Object.assign(entry(node, where.iteration), where);
  }
  if (left !== undefined) show();

  function entry(node: PlanNode, iteration: string): Progress {
    if (iteration === '') {
      const found = outermost.get(node.id);
      if (found === undefined) throw new Error(`The plan has no node "${node.id}".`);
      return found;
    }
    const key = `${node.id}\n${iteration}`;
    const found = inner.get(key) ?? pending(node, iteration);
    inner.set(key, found);
    return found;
  }

  /** In a large graph a burst of changes costs one table. */
  function show(): void {
    if (size <= FULL_TABLE_NODES && inner.size === 0) {
      options.changed(details());
      return;
    }
    if (isStale) return;
    isStale = true;
    void Promise.resolve().then(() => {
      isStale = false;
      options.changed(details());
    });
  }

  function details(): string {
    const counts = new Map<NodeStatus, number>(innerEnded);
    const active = [...outermost.values(), ...inner.values()];
    for (const { status: of } of active) counts.set(of, (counts.get(of) ?? 0) + 1);
    const summary = [...counts].map(([of, count]) => `${count} ${of}`).join(', ');
    const shown =
      size <= FULL_TABLE_NODES && inner.size <= FULL_TABLE_NODES
        ? active
        : active.filter(({ status: of }) => NOTEWORTHY.includes(of)).slice(0, FULL_TABLE_NODES);
    return [
      `**${status}** · ${summary}`,
      '',
      '| | Node | Connector | Status | Attempts | Started | Took | Last error |',
      '|---|---|---|---|---|---|---|---|',
      ...shown.map((of) => {
        of.line ??= row(of);
        return of.line;
      }),
    ].join('\n');
  }

  function row(of: Progress): string {
    const { node } = of;
    const type = node.kind === 'operation' ? `${node.type}.${node.operation}` : node.type;
    const started = of.startedAt === null ? '' : new Date(of.startedAt).toISOString().slice(11, 23);
    const took =
      of.startedAt === null || of.endedAt === null ? '' : `${of.endedAt - of.startedAt} ms`;
    const error = of.error === null ? '' : `${of.error.code}: ${of.error.message}`;
    const cells = [
      SYMBOLS[of.status],
      of.iteration === '' ? node.name : `${node.name} (item ${of.iteration})`,
      type,
      of.status,
      attempts(of),
      started,
      took,
      error,
    ];
    return `| ${cells.map(cell).join(' | ')} |`;
  }

  return {
    setStatus(next: ExecutionStatus): void {
      status = next;
      show();
    },

    /** @param iteration empty outside of forEach */
    set(node: PlanNode, next: NodeStatus, change: NodeChange = {}, iteration = ''): void {
      const of = entry(node, iteration);
      const now = options.now();
      of.status = next;
      of.line = null;
      if (next === 'running' && of.startedAt === null) of.startedAt = now;
      if (change.attempts !== undefined) of.attempts = change.attempts;
      if (change.error !== undefined) of.error = change.error;
      if (isEnd(next)) {
        of.endedAt = now;
        if (inner.delete(`${node.id}\n${iteration}`)) {
          innerEnded.set(next, (innerEnded.get(next) ?? 0) + 1);
        }
      }
      if (isEnd(next) || next === 'waiting' || next === 'running') {
        if (change.record === true) {
          records.push({
            nodeId: node.id,
            nodeName: node.name,
            iteration,
            type: node.type,
            status: next,
            startedAt: new Date(of.startedAt ?? now).toISOString(),
            endedAt: isEnd(next) ? new Date(now).toISOString() : null,
            input: change.input ?? null,
            output: change.output ?? null,
            port: change.port ?? null,
            error: of.error,
          });
        }
      }
      show();
    },

    /** Rows not yet written; the caller writes them with its next activity. */
    takeRecords(): readonly NodeRecord[] {
      const taken = records;
      records = [];
      return taken;
    },

    pendingRecords: (): number => records.length,

    toState(): ProgressState {
      return {
        status,
        nodes: [...outermost.values(), ...inner.values()].map(
          ({ node, line: _line, ...where }) => ({
            nodeId: node.id,
            ...where,
          }),
        ),
        innerEnded: [...innerEnded],
        records,
      };
    },

    state(): ExecutionState {
      const nodes = [...outermost.values(), ...inner.values()].map(
        ({ node, iteration, status: of, attempts: made, error }): NodeState => ({
          nodeId: node.id,
          name: node.name,
          iteration,
          status: of,
          attempts: made,
          error,
        }),
      );
      return { status, nodes };
    },
  };
}

function pending(node: PlanNode, iteration: string): Progress {
  return {
    node,
    iteration,
    status: 'pending',
    attempts: 0,
    startedAt: null,
    endedAt: null,
    error: null,
    line: null,
  };
}

function isEnd(status: NodeStatus): status is Exclude<NodeRecord['status'], 'running' | 'waiting'> {
  return (
    status === 'succeeded' || status === 'failed' || status === 'skipped' || status === 'cancelled'
  );
}

/** Characters in one cell. */
const CELL_LENGTH = 160;

/** The workflow hears of queued attempts only when they end; until then there may be more. */
function attempts(of: Progress): string {
  if (of.attempts === 0) return '';
  return of.status === 'retrying' ? `${of.attempts}+` : String(of.attempts);
}

/** Needs no second look: most cells, and every change of a node writes all of its cells. */
const PLAIN = /^(?:[A-Za-z0-9.,:+-] ?)*$/;

/** A table cell: one line, with the characters escaped that Markdown would read. */
function cell(text: string): string {
  if (text.length <= CELL_LENGTH && PLAIN.test(text)) return text;
  const characters = [...text.replaceAll(/\s+/g, ' ')];
  const line =
    characters.length > CELL_LENGTH
      ? `${characters.slice(0, CELL_LENGTH - 1).join('')}…`
      : characters.join('');
  return line.replaceAll(/[\\|`*_~<[\]&]/g, '\\$&');
}
