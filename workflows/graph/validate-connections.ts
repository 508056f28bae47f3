/** Validation of the connections of one level. */
import type { CatalogView } from './catalog-view.ts';
import type { Connection } from './definition.ts';
import { didYouMean } from './issue-words.ts';
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
          `A connection ${end === 'from' ? 'starts at' : 'leads to'} "${connection[end]}", but there is no node with that id.${didYouMean(connection[end], byId.keys())}`,
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
        `"${connection.from}" has no output called "${connection.output}". ${outputs.length === 0 ? 'The automation ends there, so nothing can follow it.' : `${didYouMean(connection.output, outputs).trimStart()} It has: ${outputs.join(', ')}.`.trimStart()}`,
        connection.from,
      );
    }
  });
  checkReachability(graph, pointer, catalog, report);
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

/**
 * Nodes that no run can get to: every way there leaves through an output that is never taken.
 * Where a connection is broken or goes in a circle, that is told by itself.
 */
function checkReachability(
  graph: Level['graph'],
  pointer: string,
  catalog: CatalogView,
  report: Report,
): void {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const isOpen = (connection: Connection): boolean => {
    const source = byId.get(connection.from);
    if (source === undefined) return true;
    const resolved = resolveType(source, catalog);
    if (resolved.kind === 'unknown' || connection.output === undefined) return true;
    const outputs = outputsOf(source, resolved);
    // An output that isn't there is an error of its own.
    if (!outputs.includes(connection.output)) return true;
    // A disabled node is passed over by its first output. (That an error output is never taken is
    // told of the node that has it.)
    return source.disabled !== true || connection.output === outputs[0];
  };
  const entered = new Set(graph.connections.map(({ to }) => to));
  const reached = new Set(graph.nodes.map(({ id }) => id).filter((id) => !entered.has(id)));
  // A Set is walked in the order of insertion, what is added meanwhile included.
  for (const from of reached) {
    for (const connection of graph.connections) {
      if (connection.from === from && isOpen(connection)) reached.add(connection.to);
    }
  }
  const closed = graph.connections.filter((connection) => !isOpen(connection));
  if (closed.length === 0) return;
  const beyond = new Set(closed.map(({ to }) => to));
  for (const id of beyond) {
    for (const { from, to } of graph.connections) if (from === id) beyond.add(to);
  }
  graph.nodes.forEach((node, index) => {
    if (reached.has(node.id) || !beyond.has(node.id)) return;
    report(
      'unreachable_node',
      `${pointer}/nodes/${index}`,
      `"${node.id}" never runs: every way to it comes from another than the first output of a disabled node. Connect it elsewhere, or enable that node.`,
      node.id,
      'warning',
    );
  });
}
