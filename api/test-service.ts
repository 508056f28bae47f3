/** Starts tests of drafts: one node with what came before it given, or the whole draft. */
import type { ConnectorManifest } from '../connectors/contract.ts';
import type { DefinitionRepository, StoredDefinition } from '../db/repositories/definitions.ts';
import type { Pin, PinRepository } from '../db/repositories/pins.ts';
import type { KeptResult, TriggerSample } from '../workflows/contract.ts';
import {
  type Definition,
  type DefinitionNode,
  graphSchema,
  type Issue,
} from '../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';
import {
  nodesBefore,
  outputNames,
  planNodeTest,
  runsInNodeTests,
} from '../workflows/graph/node-test-plan.ts';
import { planDefinition } from '../workflows/graph/plan.ts';
import type { ExecutionPlan } from '../workflows/graph/plan-types.ts';
import { validateDefinition } from '../workflows/graph/validate.ts';
import { type AcceptanceDeps, createAcceptance } from './acceptance.ts';
import { newExecutionId } from './identifiers.ts';
import { ApiError, type ProblemIssue } from './problem.ts';
import { inProgress, unknownLead, unknownWorkflow } from './refusals.ts';
import { type CredentialCheckDeps, requireCredentials } from './required-credentials.ts';
import { sampleOutput } from './sample-output.ts';

/** An output as people give it. */
export interface TestOutput {
  readonly output: Json;
  /** The node's first one where left out. */
  readonly outputPort?: string | undefined;
}

export interface TestRequest {
  readonly leadId?: string | undefined;
  readonly lead?: JsonObject | undefined;
  readonly input: JsonObject;
  readonly trigger: TriggerSample;
  readonly pins: Readonly<Record<string, TestOutput>>;
  readonly mode: 'live' | 'sandbox';
}

export interface AssumedOutput {
  readonly nodeId: string;
  /** Who gave it: this request, a pin, or nobody (made up from what the node declares). */
  readonly source: 'request' | 'pin' | 'sample';
  readonly output: Json;
  readonly outputPort: string;
}

export interface AcceptedTest {
  readonly executionId: string;
  readonly assumed: readonly AssumedOutput[];
}

export interface TestServiceDeps extends AcceptanceDeps, CredentialCheckDeps {
  readonly catalog: readonly ConnectorManifest[];
  readonly definitions: DefinitionRepository;
  readonly pins: PinRepository;
}

export type TestService = ReturnType<typeof createTestService>;

export function createTestService(deps: TestServiceDeps) {
  const { catalog, definitions, executions, pins } = deps;
  const { accept } = createAcceptance(deps);

  async function requireDraft(projectId: string, workflowId: string): Promise<StoredDefinition> {
    const stored = await definitions.find(projectId, workflowId);
    if (stored === undefined) throw unknownWorkflow(workflowId);
    return stored;
  }

  async function start(
    projectId: string,
    request: TestRequest,
    plan: ExecutionPlan,
    assumed: readonly AssumedOutput[],
    nodeId?: string,
  ): Promise<AcceptedTest> {
    const { workflowId } = plan;
    const leadId = textOf(request.lead?.id) ?? request.leadId ?? null;
    const facts = await executions.startFacts(projectId, workflowId, leadId, undefined);
    if (request.lead === undefined && leadId !== null && facts.lead === undefined) {
      throw unknownLead();
    }
    const known = request.lead ?? facts.lead;
    const kept: Record<string, KeptResult> = Object.fromEntries(
      assumed.map(({ nodeId: id, output, outputPort }) => [id, { output, port: outputPort }]),
    );
    if (request.mode === 'live') {
      const nodes = plan.nodes.map((node) =>
        kept[node.id] === undefined ? node : { ...node, disabled: true },
      );
      await requireCredentials(deps, projectId, { ...plan, nodes });
    }
    const executionId = newExecutionId(workflowId);
    const accepted = await accept(
      {
        executionId,
        projectId,
        workflowId,
        version: plan.version,
        definitionId: null,
        plan,
        leadId,
        lead: known === undefined ? null : { ...known, ...(leadId === null ? {} : { id: leadId }) },
        saveLead: false,
        input: request.input,
        trigger: {
          ...request.trigger,
          type: 'test',
          ...(nodeId === undefined ? {} : { nodeId }),
          pinned: Object.keys(kept),
        },
        mode: request.mode,
        kept,
        requestKey: undefined,
      },
      plan,
      undefined,
    );
    if (!accepted) throw inProgress();
    return { executionId, assumed };
  }

  return {
    /** @throws ApiError `node_not_found` or `invalid_request` if the node can't have such a pin */
    async pin(
      projectId: string,
      workflowId: string,
      nodeId: string,
      given: TestOutput,
    ): Promise<Pin> {
      const { definition } = await requireDraft(projectId, workflowId);
      const node = requireNode(definition, nodeId);
      const port = portOf(node, given, '/outputPort');
      return pins.put(projectId, workflowId, nodeId, { output: given.output, port });
    },

    /** Pins of the draft, and those of nodes that it had once. @throws ApiError */
    async pinsOf(projectId: string, workflowId: string): Promise<readonly Pin[]> {
      await requireDraft(projectId, workflowId);
      return pins.list(projectId, workflowId);
    },

    /** @throws ApiError `pin_not_found` */
    async unpin(projectId: string, workflowId: string, nodeId: string): Promise<void> {
      await requireDraft(projectId, workflowId);
      if (await pins.delete(projectId, workflowId, nodeId)) return;
      throw new ApiError('pin_not_found', `Node "${nodeId}" has no pinned output.`);
    },

    /**
     * Runs one node of the draft after pinned or sample outputs of those before it.
     * @throws ApiError `node_not_found`, `invalid_definition` if the node could not run
     */
    async testNode(
      projectId: string,
      workflowId: string,
      nodeId: string,
      request: TestRequest,
    ): Promise<AcceptedTest> {
      const { definition } = await requireDraft(projectId, workflowId);
      const node = requireNode(definition, nodeId);
      const before = nodesBefore(definition, nodeId);
      const within = new Set([...idsWithin(node), ...before.map(({ id }) => id)]);
      refuse(
        validateDefinition(definition, catalog).filter(
          (issue) =>
            issue.severity === 'error' &&
            (BREAKS_EVERY_TEST.includes(issue.code) ||
              (issue.nodeId !== undefined &&
                (idsWithin(node).has(issue.nodeId) ||
                  (within.has(issue.nodeId) && BREAKS_PLANS.includes(issue.code))))),
        ),
        `Node "${nodeId}" can’t be tested`,
      );
      const stored = await givenOutputs(projectId, definition, request);
      const assumed = before.flatMap((earlier): AssumedOutput[] => {
        const given = stored.get(earlier.id);
        if (given !== undefined) return [given];
        if (runsInNodeTests(earlier) || earlier.disabled === true) return [];
        const [outputPort = 'success'] = outputNames(earlier, catalog) ?? [];
        const output = sampleOutput(earlier, catalog);
        return [{ nodeId: earlier.id, source: 'sample', output, outputPort }];
      });
      const given = Object.fromEntries(
        assumed.map(({ nodeId: id, output, outputPort }) => [id, { output, port: outputPort }]),
      );
      const plan = planNodeTest(definition, nodeId, given, catalog);
      return start(projectId, request, plan, assumed, nodeId);
    },

    /**
     * Runs the whole draft; pinned nodes aren't run.
     * @throws ApiError `invalid_definition`
     */
    async testRun(
      projectId: string,
      workflowId: string,
      request: TestRequest,
    ): Promise<AcceptedTest> {
      const { definition } = await requireDraft(projectId, workflowId);
      refuse(
        validateDefinition(definition, catalog).filter(({ severity }) => severity === 'error'),
        'The draft can’t be run',
      );
      const assumed = [...(await givenOutputs(projectId, definition, request)).values()];
      const pinned = new Set(assumed.map(({ nodeId }) => nodeId));
      const enabled = definition.nodes.map((node) => {
        const { disabled: _disabled, ...rest } = node;
        return pinned.has(node.id) ? rest : node;
      });
      const plan = planDefinition({ ...definition, nodes: enabled }, catalog, { version: 0 });
      return start(projectId, request, plan, assumed);
    },
  };

  /** What this request gives, and the pins for the rest, of nodes that the draft has. */
  async function givenOutputs(
    projectId: string,
    definition: Definition,
    request: TestRequest,
  ): Promise<ReadonlyMap<string, AssumedOutput>> {
    const given = new Map<string, AssumedOutput>();
    for (const pin of await pins.list(projectId, definition.workflowId)) {
      const node = definition.nodes.find(({ id }) => id === pin.nodeId);
      // A pin outlives changes of its node: one that doesn't fit any more is passed over.
      if (node === undefined || runsInNodeTests(node)) continue;
      if (outputNames(node, catalog)?.includes(pin.port) !== true) continue;
      const { nodeId, output, port: outputPort } = pin;
      given.set(nodeId, { nodeId, source: 'pin', output, outputPort });
    }
    for (const [nodeId, told] of Object.entries(request.pins)) {
      const node = requireNode(definition, nodeId);
      const outputPort = portOf(node, told, `/pins/${nodeId}/outputPort`);
      given.set(nodeId, { nodeId, source: 'request', output: told.output, outputPort });
    }
    return given;
  }

  function portOf(node: DefinitionNode, given: TestOutput, pointer: string): string {
    if (runsInNodeTests(node)) {
      throw invalid(
        pointer,
        `"${node.id}" only names values, so it is run in every test and can’t be pinned. Change its values instead.`,
      );
    }
    const outputs = outputNames(node, catalog) ?? [];
    const port = given.outputPort ?? outputs[0];
    if (port !== undefined && outputs.includes(port)) return port;
    throw invalid(
      pointer,
      outputs.length === 0
        ? `"${node.id}" has no output, so none can be pinned.`
        : `"${node.id}" has no output "${port}". It has: ${outputs.join(', ')}.`,
    );
  }
}

const BREAKS_EVERY_TEST: readonly string[] = ['cycle', 'duplicate_node_id', 'too_many_nodes'];
const BREAKS_PLANS: readonly string[] = ['unknown_node_type', 'unknown_operation'];

/** A node with the nodes of its body, of all levels. */
function idsWithin(node: DefinitionNode): ReadonlySet<string> {
  const ids = new Set([node.id]);
  const open: DefinitionNode[] = [node];
  for (const each of open) {
    if (each.type !== 'forEach') continue;
    for (const inner of graphSchema.safeParse(each.config.body).data?.nodes ?? []) {
      ids.add(inner.id);
      open.push(inner);
    }
  }
  return ids;
}

function requireNode(definition: Definition, nodeId: string): DefinitionNode {
  const node = definition.nodes.find(({ id }) => id === nodeId);
  if (node !== undefined) return node;
  const loop = definition.nodes.find((candidate) => idsWithin(candidate).has(nodeId));
  throw new ApiError(
    'node_not_found',
    loop === undefined
      ? `The draft has no node "${nodeId}".`
      : `"${nodeId}" stands inside the forEach "${loop.id}", where it runs once for each item. Test or pin "${loop.id}" instead.`,
  );
}

function refuse(issues: readonly Issue[], what: string): void {
  if (issues.length === 0) return;
  const told = issues.map(({ message }) => message).join(' ');
  throw new ApiError('invalid_definition', `${what} before this is mended: ${told}`, {
    issues: [...issues],
  });
}

function invalid(pointer: string, message: string): ApiError {
  const issue: ProblemIssue = { code: 'invalid_pin', severity: 'error', pointer, message };
  return new ApiError('invalid_request', message, { issues: [issue] });
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
