/**
 * Makes a definition of an n8n workflow export, as far as its parts mean the same here, and reports
 * what doesn't. No uncertain expression is passed over: it is left in the draft in a form that
 * publishing refuses. Pure.
 *
 * n8n runs a node once for each item that comes in; here a node runs once. `$json` is thus what the
 * nearest node before gives, and what follows a list is reported unless a loop makes a forEach of it.
 */
import { type DefinitionInput, triggerSchema } from '../../workflows/graph/definition.ts';
import type { Json } from '../../workflows/graph/json.ts';
import { slug } from './flow-nodes.ts';
import { batchSize, findLoop, isLoop, type Loop } from './loops.ts';
import { kindOf, linksOf, type N8nLink, type N8nNode, type N8nWorkflow } from './n8n-workflow.ts';
import { createNodeContexts } from './node-context.ts';
import { NODE_TYPES } from './node-types.ts';
import {
  type NodeInput,
  type ReportItem,
  type TranslatedNode,
  type TriggerInput,
  unsupported,
} from './translation.ts';
import { isTrigger, translateTrigger } from './triggers.ts';

export interface N8nImport {
  readonly definition: DefinitionInput;
  readonly report: readonly ReportItem[];
}

type ConnectionInput = NonNullable<DefinitionInput['connections']>[number];

/** Drawings without meaning for a run. */
const IGNORED = ['stickyNote'];

/** @param workflowId id of the definition; undefined: made of the workflow's name */
export function importN8n(workflow: N8nWorkflow, workflowId: string | undefined): N8nImport {
  const report: ReportItem[] = [];
  const nodes = workflow.nodes.filter((node) => !IGNORED.includes(kindOf(node)));
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const links = linksOf(workflow).filter(({ from, to }) => byName.has(from) && byName.has(to));
  const main = links.filter(({ kind }) => kind === 'main');
  const loops = new Map(
    nodes.filter(isLoop).flatMap((node) => {
      const loop = findLoop(node, main);
      return loop === undefined ? [] : [[node.name, loop] as const];
    }),
  );
  const ids = idsOf(nodes);
  const contexts = createNodeContexts({
    nodes,
    links: main,
    loops,
    ids,
    timezone: workflow.settings.timezone,
    report: (item) => report.push(item),
  });

  reportHelpers(links, report);
  reportSettings(workflow, report);
  const triggers = nodes.filter(isTrigger).flatMap((node): readonly TriggerInput[] => {
    const context = contexts.of(node);
    return translateTrigger(context).filter((trigger) => {
      if (triggerSchema.safeParse(trigger).success) return true;
      context.report('error', 'When it starts could not be read.', 'Add the trigger anew.');
      return false;
    });
  });
  reportSeveralStarts(nodes.filter(isTrigger), main, report);

  const helpers = new Set(links.filter(({ kind }) => kind !== 'main').map(({ from }) => from));
  const steps = nodes.filter((node) => !isTrigger(node) && !helpers.has(node.name));
  const translated = new Map(
    steps
      .filter((node) => !loops.has(node.name))
      .map((node) => [node.name, translateNode(node)] as const),
  );
  const levels = new Map(steps.map(({ name }) => [name, innermost(name, loops)]));
  const levelOf = (name: string): string | undefined => levels.get(name);
  const leavingFrom = Map.groupBy(main, ({ from }) => from);
  const graph = graphOf(undefined);
  const { executionTimeout } = workflow.settings;
  return {
    report,
    definition: {
      workflowId: workflowId ?? (slug(workflow.name) || 'from-n8n'),
      name: workflow.name.slice(0, 200) || 'From n8n',
      ...graph,
      triggers: numbered(triggers),
      settings:
        executionTimeout !== undefined && executionTimeout > 0
          ? { timeout: `${executionTimeout}s` }
          : {},
    },
  };

  function translateNode(node: N8nNode): TranslatedNode {
    const context = contexts.of(node);
    const type = NODE_TYPES[kindOf(node)];
    if (isLoop(node)) {
      return unsupported(
        context,
        'It isn’t certain which nodes this loop repeats.',
        'Put the steps to repeat into the body of a forEach.',
      );
    }
    if (type === undefined) {
      return unsupported(
        context,
        `There is no counterpart of “${node.type}”.`,
        'Use an http node with the service’s API, or a code node.',
      );
    }
    const result = type.translate(context);
    reportCredential(node, type.credential, report);
    const [first, ...rest] = result.nodes;
    const settings = settingsOf(node, type.credential !== undefined);
    const { config } = first;
    const timed = { ...first, ...settings, ...(config === undefined ? {} : { config }) };
    return { ...result, nodes: [timed, ...rest] };
  }

  /** The nodes and connections of one level. @param loop name of the loop whose body it is */
  function graphOf(loop: string | undefined): {
    readonly nodes: NodeInput[];
    readonly connections: ConnectionInput[];
  } {
    const inLevel = steps.filter(({ name }) => levelOf(name) === loop);
    const leavingOf = (name: string, output: number) => {
      const inner = loops.get(name);
      if (inner === undefined) return translated.get(name)?.leaving(output);
      return output === inner.doneOutput ? { from: ids.get(name) ?? name } : undefined;
    };
    const connections = inLevel.flatMap(({ name }): ConnectionInput[] => [
      ...(translated.get(name)?.connections ?? []),
      ...(leavingFrom.get(name) ?? [])
        .filter(({ to }) => levelOf(to) === loop && to !== loop)
        .flatMap((link): ConnectionInput[] => {
          const to = ids.get(link.to);
          const leaving = leavingOf(name, link.output);
          if (to === undefined || leaving === undefined) {
            if (leaving === undefined && !loops.has(name)) reportLostLink(link, report);
            return [];
          }
          // A loop that could not be derived would be a circle.
          if (isLoop(byName.get(link.to) ?? { type: '' }) && !loops.has(link.to)) {
            if (reaches(link.to, name, leavingFrom)) return [];
          }
          return [{ ...leaving, to }];
        }),
    ]);
    const levelNodes = inLevel.flatMap((node): readonly NodeInput[] => {
      const inner = loops.get(node.name);
      return inner === undefined ? (translated.get(node.name)?.nodes ?? []) : [forEach(inner)];
    });
    return { nodes: levelNodes, connections };
  }

  function forEach({ node }: Loop): NodeInput {
    const context = contexts.of(node);
    const list = context.incomingList();
    const size = batchSize(node);
    if (list === undefined) {
      context.report(
        'error',
        'It isn’t certain which list it goes through.',
        'Fill in items, such as {{ nodes.read.output.rows }}.',
      );
    }
    if (size > 1) {
      context.report(
        'warning',
        `It took ${size} items in each round; here \`item\` is one of them.`,
        `To go through lists of ${size}, put "| chunk: ${size}" behind the expression of items.`,
        'batchSize',
      );
    }
    const items: Json = `{{ ${list ?? 'n8n["items"]'} }}`;
    return {
      id: context.id,
      type: 'forEach',
      config: { items, body: graphOf(node.name) },
      ...settingsOf(node, false),
    };
  }
}

/** The loop whose body a node stands in, the innermost where loops are nested. */
function innermost(name: string, loops: ReadonlyMap<string, Loop>): string | undefined {
  let found: Loop | undefined;
  for (const loop of loops.values()) {
    if (!loop.body.has(name)) continue;
    if (found === undefined || loop.body.size < found.body.size) found = loop;
  }
  return found?.node.name;
}

function reaches(
  from: string,
  target: string,
  leavingFrom: ReadonlyMap<string, readonly N8nLink[]>,
): boolean {
  const reached = new Set([from]);
  for (const name of reached) {
    for (const { to } of leavingFrom.get(name) ?? []) reached.add(to);
  }
  return reached.has(target);
}

/** Ids that can stand in expressions; names in other scripts get a number. */
function idsOf(nodes: readonly N8nNode[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  return new Map(
    nodes.map(({ name }, index) => {
      const base = slug(name).replaceAll('-', '_').slice(0, 50) || `node_${index + 1}`;
      let id = base;
      for (let number = 2; taken.has(id); number += 1) id = `${base}_${number}`;
      taken.add(id);
      return [name, id];
    }),
  );
}

function numbered(triggers: readonly TriggerInput[]): TriggerInput[] {
  const seen = new Map<string, number>();
  return triggers.map((trigger) => {
    const count = (seen.get(trigger.type) ?? 0) + 1;
    seen.set(trigger.type, count);
    if (count === 1 || trigger.type === 'manual') return trigger;
    return { ...trigger, id: `${trigger.type}-${count}` };
  });
}

function settingsOf(node: N8nNode, takesCredential: boolean): Partial<NodeInput> {
  const [credential] = Object.values(node.credentials);
  const onError =
    node.onError === 'continueErrorOutput'
      ? 'error'
      : node.onError === 'continueRegularOutput' || node.continueOnFail
        ? 'continue'
        : undefined;
  const [x, y] = node.position ?? [];
  return {
    name: node.name.slice(0, 200),
    ...(takesCredential && credential?.name !== undefined && credential.name !== ''
      ? { credential: credential.name.slice(0, 128) }
      : {}),
    ...(node.retryOnFail
      ? {
          retry: {
            maximumAttempts: Math.min(Math.max(Math.trunc(node.maxTries ?? 3), 1), 100),
            initialInterval: `${Math.max(Math.trunc(node.waitBetweenTries ?? 1_000), 1)}ms`,
          },
        }
      : {}),
    ...(onError === undefined ? {} : { onError }),
    ...(node.disabled ? { disabled: true } : {}),
    ...(x === undefined || y === undefined ? {} : { position: { x, y } }),
    ...(node.notes === undefined || node.notes === '' ? {} : { notes: node.notes.slice(0, 5_000) }),
  };
}

function reportCredential(
  node: N8nNode,
  credential: string | undefined,
  report: ReportItem[],
): void {
  const [type, stored] = Object.entries(node.credentials)[0] ?? [];
  if (type === undefined || credential === undefined) return;
  const name = stored?.name ?? type;
  report.push({
    severity: 'warning',
    n8nNode: node.name,
    field: 'credentials',
    message: `It logs in with “${name}” (${type}), whose secrets an export doesn’t hold.`,
    suggestion: `Store a credential named “${name}” of type ${credential}.`,
  });
}

function reportHelpers(links: readonly N8nLink[], report: ReportItem[]): void {
  for (const { from, to, kind } of links) {
    if (kind === 'main') continue;
    report.push({
      severity: 'error',
      n8nNode: from,
      message: `It helped “${to}” (${kind}); nodes have no such helpers here.`,
      suggestion: 'Ask the model with an openai node, and give it in its prompt what it needs.',
    });
  }
}

function reportLostLink({ from, output, to }: N8nLink, report: ReportItem[]): void {
  report.push({
    severity: 'warning',
    n8nNode: from,
    message: `The connection from its output ${output + 1} to “${to}” was left out: there is no such output here.`,
    suggestion: 'Connect the node anew if it is needed.',
  });
}

function reportSettings({ settings }: N8nWorkflow, report: ReportItem[]): void {
  if (settings.errorWorkflow === undefined || settings.errorWorkflow === '') return;
  report.push({
    severity: 'warning',
    n8nNode: null,
    field: 'settings.errorWorkflow',
    message: 'The workflow to run on errors was not carried over.',
    suggestion: 'Import that workflow, and name its id in settings.onFailure.',
  });
}

/** Here every trigger starts the whole graph. */
function reportSeveralStarts(
  triggers: readonly N8nNode[],
  links: readonly N8nLink[],
  report: ReportItem[],
): void {
  const starts = new Set(
    triggers.map(({ name }) =>
      links
        .filter(({ from }) => from === name)
        .map(({ to }) => to)
        .sort()
        .join('\n'),
    ),
  );
  if (triggers.length < 2 || starts.size < 2) return;
  report.push({
    severity: 'error',
    n8nNode: null,
    message: `Its ${triggers.length} triggers began at different nodes; here each of them starts the whole workflow.`,
    suggestion: 'Make a workflow for each, or begin with a condition on {{ trigger.type }}.',
  });
}
