/** What a person does to an execution that goes on: pause it, decide, say what became of a send. */

import { type Command, Option } from 'commander';
import { z } from 'zod';
import { statusSchema } from '../api-schemas.ts';
import { readValue } from '../definition-file.ts';
import { contextOf, type Ended, examples } from './command.ts';

const decisionOptions = z.object({
  comment: z.string().optional(),
  iteration: z.string().optional(),
});

const resolveOptions = z.object({
  as: z.enum(['sent', 'not-sent', 'resend']),
  output: z.string().optional(),
  iteration: z.string().optional(),
});

export const executionPath = (executionId: string): string =>
  `/api/executions/${encodeURIComponent(executionId)}`;

export function addExecutionActs(group: Command, ended: Ended): void {
  addPauses(group, ended);
  addDecisions(group, ended);
  addSignal(group, ended);
  addResolve(group, ended);
}

/** Posts an act and tells that it was taken. */
async function act(
  command: Command,
  act: { readonly path: string; readonly body?: object; readonly done: string },
): Promise<void> {
  const context = contextOf(command);
  const answer = await context.api().call('POST', act.path, statusSchema, {
    ...(act.body === undefined ? {} : { body: act.body }),
  });
  context.result(answer, (terminal) => terminal.line(`✓ ${act.done} (${answer.status})`));
}

function addPauses(group: Command, ended: Ended): void {
  const acts = [
    ['pause', 'let no further node start; what runs comes to its end', 'is paused'],
    ['resume', 'let a paused execution go on', 'goes on'],
  ] as const;
  for (const [name, does, done] of acts) {
    examples(
      group
        .command(name)
        .description(does)
        .argument('<executionId>')
        .action(async (executionId: string, _options: unknown, command: Command) => {
          const path = `${executionPath(executionId)}/${name}`;
          await act(command, { path, done: `${executionId} ${done}` });
          ended(0);
        }),
      `masar execution ${name} welcome-lead_…`,
    );
  }
}

function addDecisions(group: Command, ended: Ended): void {
  const acts = [
    ['approve', 'approve what an approval node asks', 'is approved'],
    ['reject', 'reject what an approval node asks', 'is rejected'],
  ] as const;
  for (const [decision, does, done] of acts) {
    examples(
      group
        .command(decision)
        .description(does)
        .argument('<executionId>')
        .argument('<nodeId>', 'the approval node')
        .option('--comment <text>', 'why, for those who look at it later')
        .option('--iteration <number>', 'which item, for a node inside forEach')
        .action(async (executionId: string, nodeId: string, options: unknown, command: Command) => {
          const path = `${executionPath(executionId)}/approvals/${encodeURIComponent(nodeId)}`;
          const body = { decision, ...decisionOptions.parse(options) };
          await act(command, { path, body, done: `${nodeId} ${done}` });
          ended(0);
        }),
      `masar execution ${decision} approval_… ask --comment "as agreed"`,
    );
  }
}

function addSignal(group: Command, ended: Ended): void {
  examples(
    group
      .command('signal')
      .description('tell an execution of an event that a wait node waits for')
      .argument('<executionId>')
      .argument('<event>', 'its name, as the wait node has it')
      .option('--data <json>', 'what comes with it: JSON, or @file')
      .action(
        async (
          executionId: string,
          event: string,
          options: { data?: string },
          command: Command,
        ): Promise<void> => {
          const path = `${executionPath(executionId)}/signals/${encodeURIComponent(event)}`;
          const { data } = options;
          const body = data === undefined ? {} : { data: readValue('--data', data) };
          await act(command, { path, body, done: `${executionId} has the event ${event}` });
          ended(0);
        },
      ),
    `masar execution signal order_… payment.received --data '{"paid":true}'`,
  );
}

function addResolve(group: Command, ended: Ended): void {
  examples(
    group
      .command('resolve')
      .description('say what became of a send whose outcome is unknown')
      .argument('<executionId>')
      .argument('<nodeId>', 'the node in doubt')
      .addOption(
        new Option('--as <outcome>', 'it took place, it did not, or send it again')
          .choices(['sent', 'not-sent', 'resend'])
          .makeOptionMandatory(),
      )
      .option('--output <json>', 'the node’s output, if it was sent: JSON, or @file')
      .option('--iteration <number>', 'which item, for a node inside forEach')
      .action(async (executionId: string, nodeId: string, given: unknown, command: Command) => {
        const { as: outcome, output, iteration } = resolveOptions.parse(given);
        const path = `${executionPath(executionId)}/nodes/${encodeURIComponent(nodeId)}/resolve`;
        const body = {
          outcome: outcome === 'not-sent' ? 'not_sent' : outcome,
          ...(output === undefined ? {} : { output: readValue('--output', output) }),
          ...(iteration === undefined ? {} : { iteration }),
        };
        await act(command, { path, body, done: `${nodeId} is resolved as ${outcome}` });
        ended(0);
      }),
    'masar execution resolve welcome-lead_… wa --as sent',
  );
}
