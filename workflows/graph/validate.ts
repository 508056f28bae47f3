/**
 * Validation of a definition's meaning. Pure, and never throws: it answers every problem at once,
 * each with the node, a JSON pointer into the definition and a sentence for whoever drew the graph.
 * Its shape was checked before (definition.ts).
 */
import type { CatalogView, InputIssue, OperationView } from './catalog-view.ts';
import { CONTROL_MANIFESTS, type ControlManifest } from './control-nodes.ts';
import type { Definition, DefinitionNode, Issue } from './definition.ts';
import { EXPRESSION_ROOTS, findReferences, pointerStep, type Reference } from './expressions.ts';
import { ancestorsOf, findCycle } from './graph-walks.ts';
import type { Json } from './json.ts';

export const MAX_NODES = 500;
const MAX_CONNECTIONS = 2_000;

/** A node's type, looked up. */
export type ResolvedType =
  | { readonly kind: 'control'; readonly manifest: ControlManifest }
  | { readonly kind: 'operation'; readonly operation: OperationView };

/** @returns what a node runs as, or which part of that is unknown */
export function resolveType(
  node: Pick<DefinitionNode, 'type' | 'config'>,
  catalog: CatalogView,
): ResolvedType | { readonly kind: 'unknown'; readonly what: 'type' | 'operation' } {
  const manifest = CONTROL_MANIFESTS.find((control) => control.type === node.type);
  if (manifest !== undefined) return { kind: 'control', manifest };
  const connector = catalog.find((entry) => entry.type === node.type);
  if (connector === undefined) return { kind: 'unknown', what: 'type' };
  const named = node.config.operation;
  const operation =
    named === undefined
      ? connector.operations[0]
      : connector.operations.find((entry) => entry.name === named);
  return operation === undefined
    ? { kind: 'unknown', what: 'operation' }
    : { kind: 'operation', operation };
}

/** Outputs of every operation node; connections leave from the first where they name none. */
export const OPERATION_OUTPUTS = ['success', 'error'] as const;

function outputsOf(resolved: ResolvedType): readonly string[] {
  return resolved.kind === 'control' ? resolved.manifest.outputs : OPERATION_OUTPUTS;
}

/**
 * @returns every problem of the definition, in the order of its nodes and connections; only those
 *   of size where it is too large to look at everything
 */
export function validateDefinition(definition: Definition, catalog: CatalogView): Issue[] {
  const issues: Issue[] = [];
  const report = (
    code: string,
    pointer: string,
    message: string,
    nodeId?: string,
    severity: 'error' | 'warning' = 'error',
  ): void => {
    issues.push({ code, severity, ...(nodeId === undefined ? {} : { nodeId }), pointer, message });
  };

  if (definition.nodes.length === 0) {
    report('no_nodes', '/nodes', 'The automation has no steps yet. Add at least one node.');
  }
  if (definition.nodes.length > MAX_NODES) {
    report(
      'too_many_nodes',
      '/nodes',
      `The automation has ${definition.nodes.length} nodes; ${MAX_NODES} is the limit. Move a part of it into an automation of its own.`,
    );
  }
  if (definition.connections.length > MAX_CONNECTIONS) {
    report(
      'too_many_connections',
      '/connections',
      `The automation has ${definition.connections.length} connections; ${MAX_CONNECTIONS} is the limit.`,
    );
  }
  if (issues.some((issue) => issue.code.startsWith('too_many'))) return issues;

  const seen = new Map<string, number>();
  definition.nodes.forEach((node, index) => {
    const earlier = seen.get(node.id);
    if (earlier !== undefined) {
      report(
        'duplicate_node_id',
        `/nodes/${index}/id`,
        `Two nodes are called "${node.id}" (numbers ${earlier + 1} and ${index + 1}). Give one of them another id.`,
        node.id,
      );
    } else {
      seen.set(node.id, index);
    }
  });

  checkConnections(definition, catalog, report);
  const cycle = findCycle(
    definition.nodes.map((node) => node.id),
    definition.connections,
  );
  if (cycle !== undefined) {
    report(
      'cycle',
      '/connections',
      `These nodes go round in a circle: ${[...cycle, cycle[0]].join(' → ')}. An automation runs forwards only; remove one of these connections.`,
      cycle[0],
    );
  }

  checkUnsupported(definition, report);
  const ancestors = ancestorsOf(
    definition.nodes.map((node) => node.id),
    definition.connections,
  );
  definition.nodes.forEach((node, index) => {
    checkNode(node, index, catalog, report);
    checkReferences(node, index, catalog, { seen, ancestors }, report);
  });
  return issues;
}

/** What a definition may say already, so that it can be kept, but what doesn't act yet. */
function checkUnsupported(definition: Definition, report: Report): void {
  const warn = (pointer: string, message: string): void =>
    report('not_supported_yet', pointer, message, undefined, 'warning');
  definition.triggers.forEach((trigger, index) => {
    if (trigger.type === 'schedule') {
      warn(
        `/triggers/${index}`,
        'Schedules don’t fire yet. The automation runs when its events come or the API starts it.',
      );
    }
  });
  for (const setting of ['onFailure', 'concurrency'] as const) {
    if (definition.settings[setting] !== undefined) {
      warn(`/settings/${setting}`, `The setting "${setting}" has no effect yet.`);
    }
  }
}

type Report = (
  code: string,
  pointer: string,
  message: string,
  nodeId?: string,
  severity?: 'error' | 'warning',
) => void;

function checkConnections(definition: Definition, catalog: CatalogView, report: Report): void {
  const byId = new Map(definition.nodes.map((node) => [node.id, node]));
  const seen = new Set<string>();
  definition.connections.forEach((connection, index) => {
    const at = `/connections/${index}`;
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
    const output = connection.output ?? (resolved.kind === 'unknown' ? '' : outputsOf(resolved)[0]);
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
    const outputs = outputsOf(resolved);
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
  for (const [index, node] of definition.nodes.entries()) {
    const leavesByError = definition.connections.some(
      (connection) => connection.from === node.id && connection.output === 'error',
    );
    if (node.onError === 'error' && !leavesByError) {
      report(
        'error_output_unused',
        `/nodes/${index}/onError`,
        `"${node.id}" sends its errors to its error output, but nothing is connected there, so a failure ends silently.`,
        node.id,
        'warning',
      );
    }
    if (leavesByError && node.onError !== undefined && node.onError !== 'error') {
      report(
        'error_output_unreachable',
        `/nodes/${index}/onError`,
        `"${node.id}" has a connection from its error output, but onError is "${node.onError}", so it is never taken.`,
        node.id,
        'warning',
      );
    }
  }
}

function checkNode(
  node: DefinitionNode,
  index: number,
  catalog: CatalogView,
  report: Report,
): void {
  const at = `/nodes/${index}`;
  const resolved = resolveType(node, catalog);
  if (resolved.kind === 'unknown') {
    if (resolved.what === 'type') {
      const known = [...CONTROL_MANIFESTS, ...catalog].map((entry) => entry.type).join(', ');
      report(
        'unknown_node_type',
        `${at}/type`,
        `There is no node type "${node.type}". Known types: ${known}.`,
        node.id,
      );
    } else {
      const operations =
        catalog.find((entry) => entry.type === node.type)?.operations.map((entry) => entry.name) ??
        [];
      report(
        'unknown_operation',
        `${at}/config/operation`,
        `"${node.type}" has no operation ${JSON.stringify(node.config.operation)}. It has: ${operations.join(', ')}.`,
        node.id,
      );
    }
    return;
  }
  const { operation: _operation, ...input } = node.config;
  const schema = resolved.kind === 'control' ? resolved.manifest.schema : resolved.operation.input;
  const checked = resolved.kind === 'control' ? node.config : input;
  const result = schema.safeParse(checked);
  if (result.success) return;
  for (const issue of result.error.issues) {
    if (!isCertain(issue, checked)) continue;
    const pointer = `${at}/config${issue.path.map((step) => pointerStep(String(step))).join('')}`;
    const field =
      issue.path.length === 0 ? 'The configuration' : `"${issue.path.map(String).join('.')}"`;
    report(
      'invalid_config',
      pointer,
      `${field} of "${node.id}" isn’t right: ${issue.message}.`,
      node.id,
    );
  }
}

function checkReferences(
  node: DefinitionNode,
  index: number,
  catalog: CatalogView,
  graph: {
    readonly seen: ReadonlyMap<string, number>;
    readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  },
  report: Report,
): void {
  const resolved = resolveType(node, catalog);
  const raw = resolved.kind === 'operation' ? (resolved.operation.rawFields ?? []) : [];
  const rendered = Object.fromEntries(
    Object.entries(node.config).filter(([field]) => !raw.includes(field)),
  );
  const { references, errors } = findReferences(rendered as Json, `/nodes/${index}/config`);
  for (const error of errors) report('invalid_expression', error.pointer, error.message, node.id);
  for (const reference of references) checkReference(node, reference, graph, report);
}

function checkReference(
  node: DefinitionNode,
  reference: Reference,
  graph: {
    readonly seen: ReadonlyMap<string, number>;
    readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  },
  report: Report,
): void {
  const [root, first, second] = reference.path;
  const name = reference.path.join('.');
  if (!EXPRESSION_ROOTS.some((known) => known === root)) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}" refers to nothing: names start with ${EXPRESSION_ROOTS.slice(0, -2).join(', ')}.`,
      node.id,
    );
    return;
  }
  if (root === 'item' || root === 'index') {
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}" has a value only inside a forEach.`,
      node.id,
    );
    return;
  }
  if (root !== 'nodes' || first === undefined) return;
  const target = String(first);
  if (!graph.seen.has(target)) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${node.id}" uses the result of "${target}", but there is no node with that id.`,
      node.id,
    );
    return;
  }
  if (target === node.id) {
    report(
      'reference_to_itself',
      reference.pointer,
      `"${node.id}" uses its own result, which it doesn’t have before it ran.`,
      node.id,
    );
    return;
  }
  if (graph.ancestors.get(node.id)?.has(target) !== true) {
    report(
      'reference_not_upstream',
      reference.pointer,
      `"${node.id}" uses the result of "${target}", but "${target}" doesn’t run before it. Connect "${target}" to a node before "${node.id}".`,
      node.id,
    );
    return;
  }
  if (second !== undefined && !['output', 'status', 'error'].includes(String(second))) {
    report(
      'unknown_reference',
      reference.pointer,
      `"${name}" in "${node.id}": a node has output, status and error. Write nodes.${target}.output.${String(second)} for a field of its result.`,
      node.id,
    );
  }
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return value;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/**
 * What an expression will yield isn't known before the run, so a problem that its value may solve
 * is left to the run. What an object's fields are called and what is a list is known now.
 */
function isCertain(issue: InputIssue, config: unknown): boolean {
  const value = valueAt(config, issue.path);
  if (!holdsExpression(value)) return true;
  if (typeof value === 'string') return false;
  switch (issue.code) {
    case 'unrecognized_keys':
    case 'invalid_type':
      return true;
    case 'too_small':
    case 'too_big':
      return Array.isArray(value);
    case 'invalid_union': {
      const members = issue.errors ?? [];
      return (
        members.length > 0 &&
        members.every((found) => found.some((inner) => isCertain(inner, value)))
      );
    }
    default:
      return false;
  }
}

function holdsExpression(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('{{') || value.includes('{%');
  if (value === null || typeof value !== 'object') return false;
  return Object.values(value).some(holdsExpression);
}
