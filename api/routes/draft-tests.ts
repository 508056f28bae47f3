/** Trying out drafts: pinned outputs, tests of one node, tests of the whole draft. */
import { z } from 'zod';
import type { Pin } from '../../db/repositories/pins.ts';
import { durationSchema, durationToMs } from '../../workflows/graph/duration.ts';
import { workflowParams } from '../definition-view.ts';
import { type Endpoint, endpoint } from '../endpoint.ts';
import type { ExecutionReader } from '../execution-reader.ts';
import {
  executionErrorSchema,
  executionLinks,
  executionNodeSchema,
  executionSchema,
  linksSchema,
  toExecution,
} from '../execution-view.ts';
import {
  executionIdField,
  executionStatusField,
  iso,
  jsonField,
  jsonObjectField,
  leadField,
  leadIdField,
  modeField,
  nodeIdField,
  timeField,
} from '../fields.ts';
import type { ApiSettings } from '../settings.ts';
import type { TestRequest, TestService } from '../test-service.ts';

const MAX_WAIT_MS = 30_000;
const params = workflowParams.extend({ nodeId: nodeIdField });

const outputSchema = z
  .strictObject({
    output: jsonField.meta({ description: 'What the node is taken to have given' }),
    outputPort: z.string().min(1).max(64).optional().meta({
      description: 'The output that it leaves through; its first one where left out',
    }),
  })
  .meta({ id: 'TestOutput' });

const pinSchema = z
  .object({
    nodeId: z.string(),
    output: z.unknown(),
    outputPort: z.string(),
    updatedAt: timeField,
  })
  .meta({ id: 'Pin' });

const triggerSample = z
  .strictObject({
    event: z.string().optional(),
    data: jsonField.optional(),
    body: jsonField.optional(),
    headers: jsonObjectField.optional(),
    query: jsonObjectField.optional(),
    from: z.string().optional(),
    text: z.string().optional(),
    message: jsonField.optional(),
  })
  .meta({ description: 'What expressions find below `trigger`, for drafts that need it' });

const testSchema = z
  .strictObject({
    leadId: leadIdField.optional(),
    lead: leadField.optional(),
    input: jsonObjectField.optional(),
    trigger: triggerSample.optional(),
    pins: z.record(z.string().max(64), outputSchema).optional().meta({
      description: 'Outputs by node id, for this test only; they go before what is pinned',
    }),
    mode: modeField.default('sandbox').meta({
      description: '`live` sends for real: nodes that are tested act as in a published run',
    }),
  })
  .optional()
  .meta({ id: 'TestRequest', description: 'A stored lead by its id, or data that is not stored' });

const assumedSchema = z
  .array(
    z.object({
      nodeId: z.string(),
      source: z.enum(['request', 'pin', 'sample']),
      output: z.unknown(),
      outputPort: z.string(),
    }),
  )
  .meta({ description: 'Nodes that were not run, with what they were taken to have given' });

const waitQuery = (defaultWait: string) =>
  durationSchema
    .pipe(z.string().refine((text) => durationToMs(text) <= MAX_WAIT_MS, 'must be 30s at most'))
    .default(defaultWait)
    .transform(durationToMs)
    .meta({ description: 'How long to wait for the end, 30s at most' });

const nodeTestSchema = z
  .object({
    executionId: executionIdField,
    status: executionStatusField,
    node: executionNodeSchema.nullable().meta({
      description: 'The node with its rendered config as `input`, and its output or error',
    }),
    error: executionErrorSchema.nullable().meta({
      description: 'Why the test failed, if it did: also of a `set` node before the tested one',
    }),
    assumed: assumedSchema,
    links: linksSchema,
  })
  .meta({ id: 'NodeTest' });

const testRunSchema = executionSchema.extend({ assumed: assumedSchema }).meta({ id: 'TestRun' });

export interface DraftTestDeps {
  readonly settings: ApiSettings;
  readonly tests: TestService;
  readonly reader: ExecutionReader;
}

export function draftTestRoutes({ settings, tests, reader }: DraftTestDeps): Endpoint[] {
  const tag = 'Tests';

  return [
    endpoint({
      method: 'get',
      path: '/workflows/{workflowId}/pins',
      operationId: 'listPins',
      tag,
      summary: 'The outputs that are pinned to nodes of the draft',
      problems: [404],
      params: workflowParams,
      responses: {
        200: {
          description: 'All of them, by node id',
          schema: z.object({ items: z.array(pinSchema), nextCursor: z.null() }),
        },
      },
    }).handledBy(async ({ caller, params: { workflowId } }) => {
      const pins = await tests.pinsOf(caller.projectId, workflowId);
      return { status: 200, body: { items: pins.map(toPin), nextCursor: null } };
    }),

    endpoint({
      method: 'put',
      path: '/workflows/{workflowId}/pins/{nodeId}',
      operationId: 'putPin',
      tag,
      summary: 'Pin an output to a node of the draft',
      description:
        'Tests take it for what the node gave, instead of running the node. Published executions never do.',
      problems: [404],
      params,
      body: outputSchema,
      responses: { 200: { description: 'The pin', schema: pinSchema } },
    }).handledBy(async ({ caller, params: { workflowId, nodeId }, body }) => {
      const pin = await tests.pin(caller.projectId, workflowId, nodeId, body);
      return { status: 200, body: toPin(pin) };
    }),

    endpoint({
      method: 'delete',
      path: '/workflows/{workflowId}/pins/{nodeId}',
      operationId: 'deletePin',
      tag,
      summary: 'Remove a pinned output',
      problems: [404],
      params,
      responses: { 204: { description: 'Removed' } },
    }).handledBy(async ({ caller, params: { workflowId, nodeId } }) => {
      await tests.unpin(caller.projectId, workflowId, nodeId);
      return { status: 204 };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/nodes/{nodeId}/test',
      operationId: 'testNode',
      tag,
      summary: 'Run one node of the draft by itself',
      description:
        'Nodes before it are not run: they give what the request says, else what is pinned, else a sample of their kind; `set` nodes do run. One attempt, in sandbox mode unless asked otherwise.',
      idempotency: 'stored',
      problems: [404, 422],
      params,
      query: z.object({ wait: waitQuery('15s') }),
      body: testSchema,
      responses: {
        200: { description: 'It ended', schema: nodeTestSchema },
        202: { description: 'It is still under way', schema: nodeTestSchema },
      },
    }).handledBy(async ({ caller, params: { workflowId, nodeId }, query, body, signal }) => {
      const { projectId } = caller;
      const { executionId, assumed } = await tests.testNode(
        projectId,
        workflowId,
        nodeId,
        toRequest(body),
      );
      const ended = await reader.waitForEnd(projectId, executionId, query.wait, signal);
      const shown = await reader.show(projectId, executionId);
      const { status, nodes, error } = toExecution(shown, settings);
      const answer = {
        executionId,
        status,
        node: nodes.find((node) => node.nodeId === nodeId && node.iteration === '') ?? null,
        error,
        assumed: [...assumed],
        links: executionLinks(executionId, settings),
      };
      return ended ? { status: 200, body: answer } : { status: 202, body: answer };
    }),

    endpoint({
      method: 'post',
      path: '/workflows/{workflowId}/test-run',
      operationId: 'testWorkflow',
      tag,
      summary: 'Run the whole draft as a test',
      description:
        'Pinned nodes are not run, they give what is pinned. In sandbox mode unless asked otherwise.',
      idempotency: 'stored',
      problems: [404, 422],
      params: workflowParams,
      query: z.object({ wait: waitQuery('0s') }),
      body: testSchema,
      responses: {
        200: { description: 'It ended', schema: testRunSchema },
        202: { description: 'It is under way', schema: testRunSchema },
      },
    }).handledBy(async ({ caller, params: { workflowId }, query, body, signal }) => {
      const { projectId } = caller;
      const { executionId, assumed } = await tests.testRun(projectId, workflowId, toRequest(body));
      const ended = await reader.waitForEnd(projectId, executionId, query.wait, signal);
      const shown = await reader.show(projectId, executionId);
      const answer = { ...toExecution(shown, settings), assumed: [...assumed] };
      return ended ? { status: 200, body: answer } : { status: 202, body: answer };
    }),
  ];
}

function toRequest(body: z.output<typeof testSchema>): TestRequest {
  return {
    leadId: body?.leadId,
    lead: body?.lead,
    input: body?.input ?? {},
    trigger: Object.fromEntries(
      Object.entries(body?.trigger ?? {}).filter(([, value]) => value !== undefined),
    ),
    pins: body?.pins ?? {},
    mode: body?.mode ?? 'sandbox',
  };
}

function toPin({ nodeId, output, port, updatedAt }: Pin): z.input<typeof pinSchema> {
  return { nodeId, output, outputPort: port, updatedAt: iso(updatedAt) };
}
