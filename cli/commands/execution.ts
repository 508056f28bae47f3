/** `masar execution …`: runs, through the API. */

import { type Command, InvalidArgumentError } from 'commander';
import type { ApiClient } from '../api-client.ts';
import {
  acceptedSchema,
  type Execution,
  type ExecutionSummary,
  executionSchema,
  executionSummarySchema,
  pageOf,
  statusSchema,
} from '../api-schemas.ts';
import type { CommandContext } from '../command-context.ts';
import { followExecution } from '../execution-follower.ts';
import { createNodeProgress } from '../node-progress.ts';
import { shortTime, table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { contextOf, type Ended, examples } from './command.ts';
import { addExecutionActs, executionPath } from './execution-acts.ts';

export function addExecutionCommands(program: Command, ended: Ended): void {
  const group = program
    .command('execution')
    .description('runs: show, watch, cancel, retry, decide, list');
  addReading(group, ended);
  addActs(group, ended);
  addExecutionActs(group, ended);
  addList(group, ended);
}

function addReading(group: Command, ended: Ended): void {
  examples(
    group
      .command('show')
      .description('an execution with its nodes')
      .argument('<executionId>')
      .action(async (executionId: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const execution = await context
          .api()
          .call('GET', executionPath(executionId), executionSchema);
        context.result(execution, (terminal) => showExecution(terminal, execution));
        ended(0);
      }),
    'masar execution show welcome-lead_01932d5c9a7b7c3e8f0a1b2c3d4e5f60',
    "masar execution show welcome-lead_… --json | jq '.nodes[].output'",
  );

  examples(
    group
      .command('watch')
      .description('follow an execution to its end; ends with 0 if it succeeded, else with 1')
      .argument('<executionId>')
      .action(async (executionId: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const execution = await watch(context, context.api(), executionId, { pieces: true });
        ended(execution.status === 'succeeded' ? 0 : 1);
      }),
    'masar execution watch welcome-lead_01932d5c9a7b7c3e8f0a1b2c3d4e5f60',
    'masar execution watch welcome-lead_… --json     # one JSON value a line',
  );
}

function addActs(group: Command, ended: Ended): void {
  examples(
    group
      .command('cancel')
      .description('end an execution before its time; what was sent stays sent')
      .argument('<executionId>')
      .option('--reason <text>', 'why, for those who look at it later')
      .action(async (executionId: string, options: { reason?: string }, command: Command) => {
        const context = contextOf(command);
        const path = `${executionPath(executionId)}/cancel`;
        const answer = await context.api().call('POST', path, statusSchema, { body: options });
        context.result(answer, (terminal) => terminal.line(`✓ ${executionId} is being cancelled`));
        ended(0);
      }),
    'masar execution cancel welcome-lead_… --reason "The lead asked to be left alone"',
  );

  examples(
    group
      .command('retry')
      .description('repeat an execution that has ended, keeping what succeeded')
      .argument('<executionId>')
      .option('--from <nodeId>', 'begin at this node, although it may have succeeded')
      .option('-d, --detach', 'do not wait for the end')
      .action(
        async (
          executionId: string,
          options: { from?: string; detach?: true },
          command: Command,
        ): Promise<void> => {
          const context = contextOf(command);
          const api = context.api();
          const accepted = await api.call(
            'POST',
            `${executionPath(executionId)}/retry`,
            acceptedSchema,
            {
              body: options.from === undefined ? {} : { fromNode: options.from },
            },
          );
          if (options.detach === true) {
            context.result(accepted, (terminal) => terminal.line(accepted.executionId));
            return ended(0);
          }
          context.terminal.line(context.terminal.bold(accepted.executionId));
          const execution = await watch(context, api, accepted.executionId, { pieces: false });
          context.result(execution, () => undefined);
          ended(execution.status === 'succeeded' ? 0 : 1);
        },
      ),
    'masar execution retry welcome-lead_…',
    'masar execution retry welcome-lead_… --from mail --detach',
  );
}

interface ListOptions {
  readonly workflow?: string;
  readonly status?: string;
  readonly lead?: string;
  readonly limit: number;
}

function addList(group: Command, ended: Ended): void {
  examples(
    group
      .command('list')
      .description('executions, newest first')
      .option('--workflow <workflowId>', 'of this workflow')
      .option('--status <status>', 'in this status, or several separated by commas')
      .option('--lead <leadId>', 'for this lead')
      .option('--limit <number>', 'at most so many', positiveInteger, 20)
      .action(async (options: ListOptions, command: Command) => {
        const context = contextOf(command);
        const { items, more } = await listExecutions(context.api(), options);
        context.result({ items, more }, (terminal) => {
          if (items.length === 0) terminal.line('No executions.');
          else showList(terminal, items, more);
        });
        ended(0);
      }),
    'masar execution list --status failed,unknown',
    'masar execution list --workflow welcome-lead --limit 100 --json',
  );
}

/** What a person has to do before it goes on, by status. */
const HINTS: Readonly<Record<string, string>> = {
  paused: 'It is paused; "masar execution resume" lets it go on.',
  unknown:
    'It is not known whether a node has sent; look there, and tell with "masar execution resolve".',
};

/**
 * Follows an execution and shows its nodes.
 * @param options.pieces with --json, one line for each change instead of nothing until the end
 */
export async function watch(
  context: CommandContext,
  api: ApiClient,
  executionId: string,
  options: { readonly pieces: boolean },
): Promise<Execution> {
  const { terminal } = context;
  const progress = createNodeProgress(terminal);
  const told = new Map<string, string>();
  const isNews = (key: string, value: unknown): boolean => {
    const text = JSON.stringify(value);
    if (told.get(key) === text) return false;
    told.set(key, text);
    return true;
  };
  let status = '';
  progress.expect((await api.call('GET', executionPath(executionId), executionSchema)).nodes);
  const execution = await followExecution(api, executionId, {
    onNode: (node) => {
      const news = isNews(`${node.nodeId}/${node.iteration}`, node);
      if (options.pieces && news) context.piece({ event: 'node', ...node });
      progress.show(node);
    },
    onExecution: (now) => {
      if (options.pieces && isNews('', now)) context.piece({ event: 'execution', ...now });
      const hint = now.status === status ? undefined : HINTS[now.status];
      if (hint !== undefined) terminal.line(`  ${hint}`);
      status = now.status;
    },
  });
  progress.end();
  showEnd(terminal, execution);
  return execution;
}

/** How it ended, in one line. */
export function showEnd(terminal: Terminal, execution: Execution): void {
  const { status, durationMs, error } = execution;
  const took = typeof durationMs === 'number' ? ` in ${durationMs} ms` : '';
  const why = error?.message === undefined ? '' : `: ${error.message}`;
  terminal.line(`  ${status === 'succeeded' ? '✓' : '✗'} ${terminal.bold(status)}${took}${why}`);
}

function showExecution(terminal: Terminal, execution: Execution): void {
  const { workflowId, version, mode, leadId, trigger, links } = execution;
  terminal.line(terminal.bold(execution.executionId));
  const facts = [
    ['workflow', `${workflowId}, version ${version}`],
    ['lead', leadId ?? '–'],
    ['mode', `${mode}, started by ${trigger.type}`],
    ['accepted', shortTime(execution.queuedAt)],
    ['ended', shortTime(execution.endedAt) || '–'],
    ...(links?.temporal == null ? [] : [['Temporal', links.temporal]]),
  ];
  for (const [name = '', value = ''] of facts) {
    terminal.line(`  ${terminal.dim(name.padEnd(9))} ${value}`);
  }
  const progress = createNodeProgress(terminal);
  progress.expect(execution.nodes);
  for (const node of execution.nodes) progress.show(node);
  progress.end();
  if (execution.nextNodes != null) {
    terminal.line(terminal.dim(`  It has more items; the API lists them: ${execution.nextNodes}`));
  }
  showEnd(terminal, execution);
}

async function listExecutions(
  api: ApiClient,
  options: ListOptions,
): Promise<{ readonly items: readonly ExecutionSummary[]; readonly more: boolean }> {
  const items: ExecutionSummary[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await api.call('GET', '/api/executions', pageOf(executionSummarySchema), {
      query: {
        workflowId: options.workflow,
        status: options.status,
        leadId: options.lead,
        limit: String(Math.min(100, options.limit - items.length)),
        cursor,
      },
    });
    items.push(...page.items);
    if (page.nextCursor === null) return { items, more: false };
    if (items.length >= options.limit) return { items, more: true };
    cursor = page.nextCursor;
  }
}

function showList(terminal: Terminal, items: readonly ExecutionSummary[], more: boolean): void {
  const rows = items.map((item) => [
    item.executionId,
    item.status,
    shortTime(item.queuedAt),
    typeof item.durationMs === 'number' ? `${item.durationMs} ms` : '',
    item.leadId ?? '',
  ]);
  const lines = table(['EXECUTION', 'STATUS', 'ACCEPTED', 'TOOK', 'LEAD'], rows);
  for (const [index, line] of lines.entries()) {
    terminal.line(index === 0 ? terminal.dim(line) : line);
  }
  if (more) terminal.line(terminal.dim('There are more; --limit shows more of them.'));
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
  return Number(text);
}
