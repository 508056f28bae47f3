/** Validation of the connections of one level. */
import type { CatalogView } from './catalog-view.ts';
import { outputsOf, resolveType } from './resolve-type.ts';
import type { Level, Report } from './validation-report.ts';

/** Connections of one level: both ends, outputs, and error outputs that are used or not. */
export function checkConnections(
  { graph, pointer }: Pick<Level, 'graph' | 'pointer'>,
  catalog: CatalogView,
  report: Report,
): void {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const seen = new Set<string>();
  graph.connections.forEach((connection, index) => {
    const at = `${pointer}/connections/${index}`;
    for (const end of ['from', 'to'] as const) {
      if (!byId.has(connection[end])) {
        report(
          'dangling_connection',
          `${at}/${end}`,
          `A connection ${end === 'from' ? 'starts at' : 'leads to'} "${connection[end]}", but there is no node with that id.`,
        );
      }
    }
    const source = byId.get(connection.from);
    if (source === undefined) return;
    const resolved = resolveType(source, catalog);
    const output =
      connection.output ?? (resolved.kind === 'unknown' ? '' : outputsOf(source, resolved)[0]);
    const identity = `${connection.from}\n${output}\n${connection.to}`;
    if (seen.has(identity)) {
      report(
        'duplicate_connection',
        at,
        `"${connection.from}" is connected to "${connection.to}" twice in the same way. Remove one of the two connections.`,
        connection.from,
      );
    }
    seen.add(identity);
    if (resolved.kind === 'unknown') return;
    const outputs = outputsOf(source, resolved);
    if (connection.output === undefined) {
      if (resolved.kind === 'control' && resolved.manifest.namesOutput) {
        report(
          'missing_output',
          at,
          `The connection from "${connection.from}" to "${connection.to}" must say which output it leaves from: ${outputs.join(' or ')}.`,
          connection.from,
        );
      }
    } else if (!outputs.includes(connection.output)) {
      report(
        'unknown_output',
        `${at}/output`,
        `"${connection.from}" has no output called "${connection.output}". It has: ${outputs.join(', ')}.`,
        connection.from,
      );
    }
  });
  for (const [index, node] of graph.nodes.entries()) {
    const leavesByError = graph.connections.some(
      (connection) => connection.from === node.id && connection.output === 'error',
    );
    if (node.onError === 'error' && !leavesByError) {
      report(
        'error_output_unused',
        `${pointer}/nodes/${index}/onError`,
        `"${node.id}" sends its errors to its error output, but nothing is connected there, so a failure ends silently.`,
        node.id,
        'warning',
      );
    }
    if (leavesByError && node.onError !== undefined && node.onError !== 'error') {
      report(
        'error_output_unreachable',
        `${pointer}/nodes/${index}/onError`,
        `"${node.id}" has a connection from its error output, but onError is "${node.onError}", so it is never taken.`,
        node.id,
        'warning',
      );
    }
  }
}
