/** What each n8n node's translator knows: its parameters in translated form, and what comes in. */
import type { Json } from '../../workflows/graph/json.ts';
import { type Names, pathText, type Resolved, type Step, translateValue } from './expression.ts';
import { isLoop, type Loop } from './loops.ts';
import { asText, at, kindOf, type N8nLink, type N8nNode } from './n8n-workflow.ts';
import { NODE_TYPES } from './node-types.ts';
import type { NodeContext, ReportItem } from './translation.ts';
import { isTrigger, triggerJson } from './triggers.ts';

export interface NodeContextsInput {
  readonly nodes: readonly N8nNode[];
  /** Main connections only. */
  readonly links: readonly N8nLink[];
  readonly loops: ReadonlyMap<string, Loop>;
  readonly ids: ReadonlyMap<string, string>;
  readonly timezone: string | undefined;
  readonly report: (item: ReportItem) => void;
}

/** Where data comes from: a node, or each item of a loop. */
type Origin =
  | { readonly kind: 'node'; readonly node: N8nNode }
  | { readonly kind: 'item' }
  | { readonly kind: 'unclear'; readonly problem: string };

export function createNodeContexts(input: NodeContextsInput) {
  const byName = new Map(input.nodes.map((node) => [node.name, node]));
  const incoming = Map.groupBy(input.links, ({ to }) => to);
  const listsTold = new Set<string>();

  function idOf(node: N8nNode): string {
    return input.ids.get(node.name) ?? node.name;
  }

  /** Nodes that change nothing of what goes through them are looked through. */
  function originOf(node: N8nNode): Origin {
    const sources = new Map<string, Origin>();
    // A Set is walked in the order of insertion, what is added meanwhile included.
    const through = new Set([node]);
    for (const current of through) {
      for (const { from, output } of incoming.get(current.name) ?? []) {
        const source = byName.get(from);
        // What comes back to a loop is not what it goes through.
        if (source === undefined || input.loops.get(current.name)?.body.has(from) === true)
          continue;
        const origin = originAt(source, output);
        if (origin === undefined) through.add(source);
        else
          sources.set(origin.kind === 'node' ? source.name : `${source.name}\n${output}`, origin);
      }
    }
    const [only, ...others] = [...sources.values()];
    if (only === undefined) return { kind: 'unclear', problem: 'nothing is connected to the node' };
    if (others.length === 0) return only;
    return { kind: 'unclear', problem: 'several nodes lead here, and each gives something else' };
  }

  /** @returns undefined if the node only passes on what came in */
  function originAt(source: N8nNode, output: number): Origin | undefined {
    const loop = input.loops.get(source.name);
    if (loop !== undefined) {
      return output === loop.doneOutput
        ? { kind: 'unclear', problem: 'after the loop there is a list of its results' }
        : { kind: 'item' };
    }
    if (isLoop(source)) return { kind: 'unclear', problem: 'the loop could not be carried over' };
    if (isTrigger(source)) return { kind: 'node', node: source };
    const type = NODE_TYPES[kindOf(source)];
    return type !== undefined && type.shape === undefined
      ? undefined
      : { kind: 'node', node: source };
  }

  /** A field of what a node gives. */
  function outputOf(node: N8nNode, path: readonly Step[], depth = 0): Resolved {
    // Nodes that add to what comes in may stand in a circle.
    if (depth > input.nodes.length) return { problem: 'nodes before it go round in a circle' };
    if (isTrigger(node)) return triggerJson(node, path);
    const type = NODE_TYPES[kindOf(node)];
    if (input.loops.has(node.name)) return pathOf('item', path);
    if (type === undefined) return { problem: `“${node.name}” has no counterpart` };
    if (type.shape === undefined) return incomingOf(node, path, depth);
    const resolved = type.shape.json(idOf(node), path, node.parameters);
    return resolved === 'incoming' ? incomingOf(node, path, depth) : resolved;
  }

  function incomingOf(node: N8nNode, path: readonly Step[], depth = 0): Resolved {
    const origin = originOf(node);
    switch (origin.kind) {
      case 'item':
        return pathOf('item', path);
      case 'unclear':
        return { problem: origin.problem };
      case 'node':
        return outputOf(origin.node, path, depth + 1);
    }
  }

  function namesOf(node: N8nNode): Names {
    return {
      timezone: input.timezone,
      json: (path) => incomingOf(node, path),
      index: () =>
        [...input.loops.values()].some(({ body }) => body.has(node.name))
          ? { text: 'index' }
          : { problem: 'there is a number of the item only inside a forEach' },
      node: (name, path) => {
        const other = byName.get(name);
        return other === undefined
          ? { problem: `there is no node “${name}”` }
          : outputOf(other, path);
      },
    };
  }

  /** What n8n would run the nodes after it for, item by item. */
  function listBefore(node: N8nNode): string | undefined {
    const origin = originOf(node);
    if (origin.kind !== 'node') return undefined;
    const shape = NODE_TYPES[kindOf(origin.node)]?.shape;
    const list = shape?.list?.(idOf(origin.node), origin.node.parameters);
    if (list !== undefined) return list;
    // A program may return a list.
    return /^(?:code|function)$/.test(kindOf(origin.node))
      ? `nodes.${idOf(origin.node)}.output`
      : undefined;
  }

  return {
    of(node: N8nNode): NodeContext {
      const names = namesOf(node);
      const report: NodeContext['report'] = (severity, message, suggestion, field) =>
        input.report({
          severity,
          n8nNode: node.name,
          ...(field === undefined ? {} : { field }),
          message,
          suggestion,
        });
      const value: NodeContext['value'] = (field, given) => {
        const raw: Json | undefined = given === undefined ? at(node.parameters, field) : given;
        if (raw === undefined) return undefined;
        const { value: translated, problems } = translateValue(raw, names);
        for (const { expression, reason } of problems) {
          report(
            'error',
            `The expression {{ ${expression} }} was not carried over: ${reason}.`,
            'Write it anew where the draft has {{ n8n[…] }}, or compute it in a code node before.',
            field,
          );
        }
        return translated;
      };
      noticeList(node, report);
      return {
        node,
        id: idOf(node),
        parameters: node.parameters,
        timezone: input.timezone,
        value,
        text: (field, given) => {
          const text = asText(value(field, given));
          return text === undefined || text === '' ? undefined : text;
        },
        incoming: () => incomingOf(node, []),
        incomingList: () => listBefore(node),
        report,
      };
    },
  };

  /** Told once for each node that gives a list, at the first node that n8n would have repeated. */
  function noticeList(node: N8nNode, report: NodeContext['report']): void {
    if (isTrigger(node) || isLoop(node)) return;
    const origin = originOf(node);
    if (origin.kind !== 'node') return;
    const kind = kindOf(origin.node);
    const list = NODE_TYPES[kind]?.shape?.list?.(idOf(origin.node), origin.node.parameters);
    // An HTTP answer is mostly one object.
    if (list === undefined || kind === 'httpRequest' || listsTold.has(origin.node.name)) return;
    listsTold.add(origin.node.name);
    report(
      'warning',
      `n8n ran this and what follows once for each item of “${origin.node.name}”; here it runs once.`,
      `Put these nodes into the body of a forEach over {{ ${list} }}.`,
    );
  }
}

function pathOf(base: string, path: readonly Step[]): Resolved {
  return { text: pathText(base, path) };
}
