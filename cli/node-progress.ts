/** The nodes of an execution as lines: one for each thing worth knowing, when it happens. */

import type { NodeView } from './api-schemas.ts';
import type { Terminal } from './terminal.ts';

const SIGNS: Readonly<Record<string, string>> = {
  succeeded: '✓',
  failed: '✗',
  skipped: '–',
  retrying: '↻',
  waiting: '…',
  unknown: '?',
  cancelled: '✗',
};

/** Lines for items of forEach nodes; of more, only the number is told. */
const MAX_ITEM_LINES = 20;

export interface NodeProgress {
  /** Tells beforehand what will be shown, so that all lines are as wide. */
  expect(nodes: readonly NodeView[]): void;
  /** Shows what changed since the node was shown last. */
  show(node: NodeView): void;
  /** Ends what was being updated, and tells how many items went without a line. */
  end(): void;
}

export function createNodeProgress(terminal: Terminal): NodeProgress {
  const shown = new Map<string, NodeView>();
  const running = new Map<string, string>();
  let width = 12;
  let itemLines = 0;
  let hidden = 0;

  const update = (): void => {
    const names = [...running.values()];
    if (names.length === 0) return;
    const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
    terminal.update(`  ⋯ ${names.slice(0, 3).join(', ')}${more}`);
  };
  const line = (node: NodeView, before: NodeView | undefined): void => {
    const sign = SIGNS[node.status];
    if (sign === undefined) return;
    if (node.iteration !== '') {
      if (itemLines >= MAX_ITEM_LINES) {
        hidden += 1;
        return;
      }
      itemLines += 1;
    }
    const name = node.iteration === '' ? node.name : `${node.name} [${node.iteration}]`;
    width = Math.max(width, name.length);
    const what = terminal.dim((node.connector ?? 'control').padEnd(14));
    // Attempt after attempt fails for the same reason: that is told once.
    const reason = node.error?.message;
    const why = reason === undefined || reason === before?.error?.message ? '' : `  ${reason}`;
    terminal.line(`  ${sign} ${name.padEnd(width)}  ${what} ${howItWent(node)}${why}`);
  };
  return {
    expect(nodes) {
      width = Math.max(width, ...nodes.map(({ name }) => name.length));
    },
    show(node) {
      const key = `${node.nodeId}/${node.iteration}`;
      const before = shown.get(key);
      if (before?.status === node.status && before.attempts === node.attempts) return;
      shown.set(key, node);
      if (node.status === 'running') running.set(key, node.name);
      else running.delete(key);
      line(node, before);
      update();
    },
    end() {
      running.clear();
      if (hidden === 0) return;
      terminal.line(terminal.dim(`  and ${hidden} more changes of items`));
      hidden = 0;
    },
  };
}

function howItWent(node: NodeView): string {
  const attempts = node.attempts > 1 ? `, attempt ${node.attempts}` : '';
  const port = node.outputPort ?? '';
  const through = port === '' || port === 'success' ? '' : ` → ${port}`;
  switch (node.status) {
    case 'succeeded':
    case 'failed':
      return `${node.durationMs ?? 0} ms${attempts}${through}`;
    case 'retrying':
      return `attempt ${node.attempts} failed`;
    default:
      return `${node.status}${attempts}`;
  }
}
