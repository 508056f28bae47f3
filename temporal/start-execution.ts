/** Starts the Temporal workflow of an execution whose row is written. Idempotent by its id. */
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import {
  TypedSearchAttributes,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';
import { RUN_AUTOMATION, type RunAutomationInput, TASK_QUEUES } from '../workflows/contract.ts';
import type { ExecutionPlan } from '../workflows/graph/plan-types.ts';
import { searchAttributesOf } from './search-attributes.ts';

/** What a workflow is started with, and what its page in Temporal's Web UI says of it. */
export interface StartableExecution extends RunAutomationInput {
  /** The definition's own description, if it has one. */
  readonly description?: string;
}

export type ExecutionStarter = (execution: StartableExecution) => Promise<void>;

/**
 * Temporal refuses more than 400 and 20,000 bytes (limit.userMetadataSummarySize and
 * …DetailsSize of its dynamic configuration), counted with the payload around the text.
 */
const MAX_SUMMARY_BYTES = 320;
const MAX_DETAILS_BYTES = 16_000;
const DEFAULT_DEADLINE_MS = 5_000;

/**
 * @param options.deadlineMs how long one start may take, retries by the SDK included
 * @returns a function that resolves once Temporal has the workflow, whoever started it, and
 * rejects with the client's ServiceError if Temporal can't be asked in time
 */
export function createExecutionStarter(options: {
  readonly client: Client;
  readonly deadlineMs?: number;
}): ExecutionStarter {
  const { client, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  return async (execution) => {
    const { description, ...input } = execution;
    const { plan } = input;
    try {
      await client.withDeadline(Date.now() + deadlineMs, () =>
        client.workflow.start(RUN_AUTOMATION, {
          taskQueue: TASK_QUEUES.workflows,
          workflowId: input.executionId,
          args: [input],
          workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          staticSummary: truncate(summaryOf(input), MAX_SUMMARY_BYTES),
          staticDetails: truncate(detailsOf(plan, description), MAX_DETAILS_BYTES),
          typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(input)),
        }),
      );
    } catch (error) {
      // It ran and ended already: what was asked for is done.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  };
}

function summaryOf(input: RunAutomationInput): string {
  return input.leadId === null ? input.plan.name : `${input.plan.name} · ${input.leadId}`;
}

/** Markdown: what the automation does, for an engineer who knows nothing of the code. */
function detailsOf(plan: ExecutionPlan, description: string | undefined): string {
  const names = new Map(plan.nodes.map((node) => [node.id, node.name]));
  const nodes = plan.nodes.map((node) => {
    const runs = node.kind === 'operation' ? `${node.type}.${node.operation}` : node.type;
    return `- **${node.name}** (\`${node.id}\`): ${runs}`;
  });
  const connections = plan.connections.map(
    (connection) =>
      `- ${names.get(connection.from)} → *${connection.output}* → ${names.get(connection.to)}`,
  );
  return [
    `**${plan.name}** (\`${plan.workflowId}\`, ${plan.version === 0 ? 'single node' : `version ${plan.version}`})`,
    ...(description === undefined ? [] : ['', description]),
    '',
    'Nodes',
    '',
    ...nodes,
    ...(connections.length === 0 ? [] : ['', 'Connections', '', ...connections]),
  ].join('\n');
}

/** Cuts a text to so many bytes of its JSON form, which is what Temporal counts. */
function truncate(text: string, maxBytes: number): string {
  if (Buffer.byteLength(JSON.stringify(text)) <= maxBytes) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (Buffer.byteLength(JSON.stringify(text.slice(0, middle))) <= maxBytes - 3) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low).toWellFormed()}…`;
}
