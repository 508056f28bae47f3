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
import type { ExecutionPlan, PlanNode } from './graph/plan-types.ts';

interface Progress {
  status: NodeStatus;
  attempts: number;
  startedAt: number | null;
  endedAt: number | null;
  error: ExecutionError | null;
}

/** In a larger graph the details list only nodes that are at work or went wrong. */
const FULL_TABLE_NODES = 40;

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

export function createProgress(plan: ExecutionPlan, options: ProgressOptions) {
  const progress = new Map<string, Progress>(
    plan.nodes.map((node) => [
      node.id,
      { status: 'pending', attempts: 0, startedAt: null, endedAt: null, error: null },
    ]),
  );
  let status: ExecutionStatus = 'running';
  let records: NodeRecord[] = [];

  function entry(nodeId: string): Progress {
    const found = progress.get(nodeId);
    if (found === undefined) throw new Error(`The plan has no node "${nodeId}".`);
    return found;
  }

  function details(): string {
    const counts = new Map<NodeStatus, number>();
    for (const { status: of } of progress.values()) counts.set(of, (counts.get(of) ?? 0) + 1);
    const summary = [...counts].map(([of, count]) => `${count} ${of}`).join(', ');
    const shown =
      plan.nodes.length <= FULL_TABLE_NODES
        ? plan.nodes
        : plan.nodes.filter((node) =>
            ['running', 'waiting', 'retrying', 'failed', 'unknown'].includes(entry(node.id).status),
          );
    const rows = shown.map((node) => row(node, entry(node.id)));
    return [
      `**${status}** · ${summary}`,
      '',
      '| | Node | Connector | Status | Attempts | Started | Took | Last error |',
      '|---|---|---|---|---|---|---|---|',
      ...rows,
    ].join('\n');
  }

  function row(node: PlanNode, of: Progress): string {
    const type = node.kind === 'operation' ? `${node.type}.${node.operation}` : node.type;
    const started = of.startedAt === null ? '' : new Date(of.startedAt).toISOString().slice(11, 23);
    const took =
      of.startedAt === null || of.endedAt === null ? '' : `${of.endedAt - of.startedAt} ms`;
    const error = of.error === null ? '' : `${of.error.code}: ${of.error.message}`;
    const cells = [
      SYMBOLS[of.status],
      node.name,
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
      options.changed(details());
    },

    set(node: PlanNode, next: NodeStatus, change: NodeChange = {}): void {
      const of = entry(node.id);
      const now = options.now();
      of.status = next;
      if (next === 'running' && of.startedAt === null) of.startedAt = now;
      if (change.attempts !== undefined) of.attempts = change.attempts;
      if (change.error !== undefined) of.error = change.error;
      if (isEnd(next)) {
        of.endedAt = now;
        if (change.record === true) {
          records.push({
            nodeId: node.id,
            nodeName: node.name,
            iteration: '',
            type: node.type,
            status: next,
            startedAt: new Date(of.startedAt ?? now).toISOString(),
            endedAt: new Date(now).toISOString(),
            input: change.input ?? null,
            output: change.output ?? null,
            port: change.port ?? null,
            error: of.error,
          });
        }
      }
      options.changed(details());
    },

    /** Rows not yet written; the caller writes them with its next activity. */
    takeRecords(): readonly NodeRecord[] {
      const taken = records;
      records = [];
      return taken;
    },

    state(): ExecutionState {
      const nodes: NodeState[] = plan.nodes.map((node) => {
        const of = entry(node.id);
        return {
          nodeId: node.id,
          name: node.name,
          status: of.status,
          attempts: of.attempts,
          error: of.error,
        };
      });
      return { status, nodes };
    },
  };
}

function isEnd(status: NodeStatus): status is NodeRecord['status'] {
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

/** A table cell: one line, with the characters escaped that Markdown would read. */
function cell(text: string): string {
  const characters = [...text.replaceAll(/\s+/g, ' ')];
  const line =
    characters.length > CELL_LENGTH
      ? `${characters.slice(0, CELL_LENGTH - 1).join('')}…`
      : characters.join('');
  return line.replaceAll(/[\\|`*_~<[\]&]/g, '\\$&');
}
