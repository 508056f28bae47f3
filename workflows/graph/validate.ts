/**
 * Validation of a definition's meaning. Pure, and never throws: it answers every problem at once,
 * each with the node, a JSON pointer into the definition and a sentence for whoever drew the graph.
 * Its shape was checked before (definition.ts).
 */
import type { CatalogView, InputIssue } from './catalog-view.ts';
import { CONTROL_MANIFESTS } from './control-nodes.ts';
import {
  type Connection,
  type Definition,
  type DefinitionNode,
  type Graph,
  graphSchema,
  type Issue,
} from './definition.ts';
import { pointerStep } from './expressions.ts';
import { ancestorsOf, findCycle } from './graph-walks.ts';
import { didYouMean, meantMember, predicateOf } from './issue-words.ts';
import { resolveType } from './resolve-type.ts';
import { checkConnections } from './validate-connections.ts';
import { checkReferences } from './validate-references.ts';
import { checkTriggers } from './validate-triggers.ts';
import type { Level, Report } from './validation-report.ts';

export const MAX_NODES = 500;
const MAX_CONNECTIONS = 2_000;

/**
 * @returns every problem of the definition, level by level; only those of size where it is too
 *   large to look at everything
 */
export function validateDefinition(definition: Definition, catalog: CatalogView): Issue[] {
  const issues: Issue[] = [];
  const report: Report = (code, pointer, message, nodeId, severity = 'error') => {
    issues.push({ code, severity, ...(nodeId === undefined ? {} : { nodeId }), pointer, message });
  };
  const levels = levelsOf(definition, report);
  const nodes = levels.reduce((sum, level) => sum + level.graph.nodes.length, 0);
  const connections = levels.reduce((sum, level) => sum + level.graph.connections.length, 0);
  if (definition.nodes.length === 0) {
    report('no_nodes', '/nodes', 'The automation has no steps yet. Add at least one node.');
  }
  if (nodes > MAX_NODES) {
    report(
      'too_many_nodes',
      '/nodes',
      `The automation has ${nodes} nodes; ${MAX_NODES} is the limit. Move a part of it into an automation of its own.`,
    );
  }
  if (connections > MAX_CONNECTIONS) {
    report(
      'too_many_connections',
      '/connections',
      `The automation has ${connections} connections; ${MAX_CONNECTIONS} is the limit.`,
    );
  }
  if (issues.some((issue) => issue.code.startsWith('too_many'))) return issues;

  const known = checkIds(levels, report);
  for (const level of levels) checkLevel(level, known, catalog, report);
  checkTriggers(definition, report);
  return issues;
}

function levelsOf(definition: Definition, report: Report): readonly Level[] {
  const levels: Level[] = [{ graph: definition, pointer: '', inside: undefined }];
  for (const level of levels) {
    level.graph.nodes.forEach((node, index) => {
      if (node.type !== 'forEach') return;
      const pointer = `${level.pointer}/nodes/${index}/config/body`;
      const body = graphSchema.safeParse(node.config.body);
      for (const issue of body.error?.issues ?? []) {
        const at = issue.path.map((step) => pointerStep(String(step))).join('');
        const field = ['body', ...issue.path.map(String)].join('.');
        const isAbsent = valueAt(node.config.body, issue.path) === undefined;
        report(
          'invalid_config',
          pointer + at,
          `"${field}" of "${node.id}" ${predicateOf(issue, isAbsent)}`,
          node.id,
        );
      }
      if (!body.success) return;
      if (body.data.nodes.length === 0) {
        report(
          'no_nodes',
          `${pointer}/nodes`,
          `The body of "${node.id}" has no steps. Add at least one node.`,
          node.id,
        );
      }
      levels.push({ graph: body.data, pointer, inside: { nodeId: node.id, level } });
    });
  }
  return levels;
}

/** Ids are unique over all levels, because logs and expressions name a node by its id alone. */
function checkIds(levels: readonly Level[], report: Report): ReadonlySet<string> {
  const seen = new Map<string, number>();
  let number = 0;
  for (const { graph, pointer } of levels) {
    graph.nodes.forEach((node, index) => {
      number += 1;
      const earlier = seen.get(node.id);
      if (earlier === undefined) {
        seen.set(node.id, number);
        return;
      }
      report(
        'duplicate_node_id',
        `${pointer}/nodes/${index}/id`,
        `Two nodes are called "${node.id}" (numbers ${earlier} and ${number}). Give one of them another id.`,
        node.id,
      );
    });
  }
  return new Set(seen.keys());
}

function checkLevel(
  level: Level,
  known: ReadonlySet<string>,
  catalog: CatalogView,
  report: Report,
): void {
  const { graph, pointer } = level;
  checkConnections(level, catalog, report);
  for (const cycle of cyclesOf(graph)) {
    report(
      'cycle',
      `${pointer}/connections`,
      `These nodes go round in a circle: ${[...cycle, cycle[0]].join(' → ')}. An automation runs forwards only; remove one of these connections. To repeat steps for each item of a list, put them into a forEach.`,
      cycle[0],
    );
  }
  checkUndo(level, report);
  const visible = visibleFrom(level);
  graph.nodes.forEach((node, index) => {
    const at = `${pointer}/nodes/${index}`;
    checkNode(node, at, catalog, report);
    checkReferences(
      node,
      at,
      catalog,
      { known, visible: visible.get(node.id) ?? new Set(), inForEach: level.inside !== undefined },
      report,
    );
  });
}

const MAX_CYCLES = 10;

/** Every cycle that is left once the connection that closes the one before is taken away. */
function cyclesOf(graph: Graph): readonly (readonly string[])[] {
  const ids = graph.nodes.map((node) => node.id);
  let edges: readonly Connection[] = graph.connections;
  const cycles: (readonly string[])[] = [];
  for (
    let cycle = findCycle(ids, edges);
    cycle !== undefined && cycles.length < MAX_CYCLES;
    cycle = findCycle(ids, edges)
  ) {
    cycles.push(cycle);
    const [first] = cycle;
    const last = cycle.at(-1);
    edges = edges.filter(({ from, to }) => from !== last || to !== first);
  }
  return cycles;
}

/** For each node of a level the nodes that have run before it, also those around a forEach. */
function visibleFrom({ graph, inside }: Level): ReadonlyMap<string, ReadonlySet<string>> {
  const ancestors = ancestorsOf(
    graph.nodes.map((node) => node.id),
    graph.connections,
  );
  const around = inside === undefined ? undefined : visibleFrom(inside.level).get(inside.nodeId);
  const takesBack = new Map(graph.nodes.map((node) => [node.undo, node.id]));
  return new Map(
    graph.nodes.map(({ id }) => {
      const original = takesBack.get(id);
      const before = original === undefined ? [] : [original, ...(ancestors.get(original) ?? [])];
      return [id, new Set([...(ancestors.get(id) ?? []), ...before, ...(around ?? [])])];
    }),
  );
}

function checkUndo({ graph, pointer }: Level, report: Report): void {
  const users = new Map<string, string>();
  graph.nodes.forEach((node, index) => {
    const { undo } = node;
    if (undo === undefined) return;
    const at = `${pointer}/nodes/${index}/undo`;
    const earlier = users.get(undo);
    users.set(undo, node.id);
    if (undo === node.id || !graph.nodes.some((candidate) => candidate.id === undo)) {
      report(
        'unknown_undo',
        at,
        `"${node.id}" names "${undo}" to take its effect back, but there is no other node with that id beside it.`,
        node.id,
      );
    } else if (earlier !== undefined) {
      report(
        'shared_undo',
        at,
        `"${undo}" takes back both "${earlier}" and "${node.id}". Give each a node of its own.`,
        node.id,
      );
    } else if (graph.connections.some(({ from, to }) => from === undo || to === undo)) {
      report(
        'connected_undo',
        at,
        `"${undo}" takes back "${node.id}", so it runs only when something goes wrong. Remove its connections.`,
        node.id,
      );
    }
  });
}

function checkNode(node: DefinitionNode, at: string, catalog: CatalogView, report: Report): void {
  const resolved = resolveType(node, catalog);
  if (resolved.kind === 'unknown') {
    if (resolved.what === 'type') {
      const known = [...CONTROL_MANIFESTS, ...catalog].map((entry) => entry.type);
      report(
        'unknown_node_type',
        `${at}/type`,
        `There is no node type "${node.type}".${didYouMean(node.type, known)} Known types: ${known.join(', ')}.`,
        node.id,
      );
    } else {
      const operations =
        catalog.find((entry) => entry.type === node.type)?.operations.map((entry) => entry.name) ??
        [];
      report(
        'unknown_operation',
        `${at}/config/operation`,
        `"${node.type}" has no operation ${JSON.stringify(node.config.operation)}.${typeof node.config.operation === 'string' ? didYouMean(node.config.operation, operations) : ''} It has: ${operations.join(', ')}.`,
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
  const told = new Set<string>();
  for (const issue of result.error.issues) {
    // A body was checked as a graph of its own.
    if (node.type === 'forEach' && issue.path[0] === 'body') continue;
    // What else a schema finds in a value mostly follows from the first thing.
    const place = issue.code === 'unrecognized_keys' ? '' : issue.path.map(String).join('\n');
    if (!isCertain(issue, checked) || (place !== '' && told.has(place))) continue;
    told.add(place);
    reportConfig(issue, checked, node, `${at}/config`, report);
  }
}

function reportConfig(
  issue: InputIssue,
  config: unknown,
  node: DefinitionNode,
  at: string,
  report: Report,
): void {
  const meant = meantMember(issue);
  if (meant !== undefined) {
    for (const inner of meant) {
      const placed = { ...inner, path: [...issue.path, ...inner.path] };
      if (isCertain(placed, config)) reportConfig(placed, config, node, at, report);
    }
    return;
  }
  const pointerTo = (path: readonly PropertyKey[]): string =>
    at + path.map((step) => pointerStep(String(step))).join('');
  const nameOf = (path: readonly PropertyKey[]): string =>
    path.length === 0 ? 'The configuration' : `"${path.map(String).join('.')}"`;
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys ?? []) {
      const path = [...issue.path, key];
      report(
        'invalid_config',
        pointerTo(path),
        `${nameOf(path)} of "${node.id}" is not known here. Correct its name, or remove it.`,
        node.id,
      );
    }
    return;
  }
  const isAbsent = valueAt(config, issue.path) === undefined;
  report(
    'invalid_config',
    pointerTo(issue.path),
    `${nameOf(issue.path)} of "${node.id}" ${predicateOf(issue, isAbsent)}`,
    node.id,
  );
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

export { resolveType } from './resolve-type.ts';
