/** `masar workflow …`: definitions, through the API. */

import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import type { ApiClient, ApiRefusal } from '../api-client.ts';
import {
  acceptedSchema,
  draftSchema,
  executionSchema,
  issueSchema,
  pageOf,
  workflowSummarySchema,
} from '../api-schemas.ts';
import { definitionText } from '../definition-export.ts';
import { readDefinitionFile, readValue } from '../definition-file.ts';
import { IF_EXISTS, type ImportOptions, importDefinition } from '../definition-import.ts';
import { explainFileError, OperatorError } from '../local-process.ts';
import { shortTime, table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { contextOf, type Ended, examples } from './command.ts';
import { watch } from './execution.ts';

type Issue = z.infer<typeof issueSchema>;

const validationSchema = z.looseObject({ valid: z.boolean(), issues: z.array(issueSchema) });
const publicationSchema = z.looseObject({ workflowId: z.string(), version: z.number() });

const pathOf = (workflowId: string): string => `/api/workflows/${encodeURIComponent(workflowId)}`;

export function addWorkflowCommands(program: Command, ended: Ended): void {
  const group = program
    .command('workflow')
    .description('definitions: check, import, export, publish, run');
  addFileCommands(group, ended);
  addServerCommands(group, ended);
  addRun(group, ended);
}

function addFileCommands(group: Command, ended: Ended): void {
  examples(
    group
      .command('validate')
      .description('check definitions without saving them; ends with 1 if any has an error')
      .argument('<file...>', 'JSON or YAML; - reads standard input')
      .action(async (files: string[], _options: unknown, command: Command) => {
        const context = contextOf(command);
        const api = context.api();
        const results: { file: string; valid: boolean; issues: Issue[] }[] = [];
        for (const name of files) {
          results.push({ file: name, ...(await validate(api, name)) });
        }
        const valid = results.every((result) => result.valid);
        context.result({ valid, files: results }, (terminal) => {
          for (const { file, valid: fine, issues } of results) {
            terminal.line(`${fine ? '✓' : '✗'} ${file}`);
            showIssues(terminal, issues);
          }
        });
        ended(valid ? 0 : 1);
      }),
    'masar workflow validate examples/welcome-lead.json',
    'masar workflow validate flows/*.yaml',
  );

  examples(
    group
      .command('import')
      .description('save a definition as a draft: JSON, YAML, or an export of n8n')
      .argument('<file>', 'JSON or YAML; - reads standard input')
      .option('--id <workflowId>', 'save it under this id')
      .addOption(
        new Option('--if-exists <act>', 'if the id is taken: refuse, replace its draft, or rename')
          .choices(IF_EXISTS)
          .default('fail'),
      )
      .option('--publish', 'publish it at once')
      .action(
        async (file: string, options: ImportOptions & { publish?: true }, command: Command) => {
          const context = contextOf(command);
          const api = context.api();
          const draft = await importDefinition(api, readDefinitionFile(file), options);
          const { report = [] } = draft;
          const publication =
            options.publish === true ? await publish(api, draft.workflowId) : undefined;
          context.result({ ...draft, publication: publication ?? null }, (terminal) => {
            terminal.line(`✓ ${draft.workflowId}: ${draft.name} (draft ${draft.draftVersion})`);
            showIssues(terminal, draft.issues);
            for (const { severity, n8nNode, message, suggestion } of report) {
              const sign = severity === 'error' ? '✗' : severity === 'warning' ? '!' : '·';
              terminal.line(`  ${sign} ${n8nNode === null ? '' : `${n8nNode}: `}${message}`);
              terminal.line(terminal.dim(`      → ${suggestion}`));
            }
            if (publication !== undefined) {
              terminal.line(`✓ published as version ${publication.version}`);
            } else {
              terminal.line(terminal.dim(`  masar workflow publish ${draft.workflowId}`));
            }
          });
          ended(0);
        },
      ),
    'masar workflow import welcome.yaml --publish',
    'masar workflow import welcome.yaml --id welcome --if-exists replace',
    'masar workflow import n8n-export.json       # says what has no counterpart here',
  );

  examples(
    group
      .command('export')
      .description('write a definition as a file that import takes')
      .argument('<workflowId>')
      .option('-o, --output <file>', 'write it there instead of to standard output')
      .option('--format <format>', 'json or yaml', oneOf('json', 'yaml'))
      .option('--at <version>', 'a published version instead of the draft')
      .action(
        async (
          workflowId: string,
          options: { output?: string; format?: 'json' | 'yaml'; at?: string },
          command: Command,
        ): Promise<void> => {
          const context = contextOf(command);
          const { output } = options;
          const asked = /\.ya?ml$/i.test(output ?? '') ? 'yaml' : 'json';
          const format = context.json && output === undefined ? 'json' : (options.format ?? asked);
          const wanted = { format, version: options.at };
          const text = await definitionText(context.api(), workflowId, wanted);
          if (output === undefined) {
            process.stdout.write(text);
          } else {
            writeOut(output, text);
            context.result({ workflowId, file: output, format }, (terminal) =>
              terminal.line(`✓ ${workflowId} written to ${output}`),
            );
          }
          ended(0);
        },
      ),
    'masar workflow export welcome-lead > welcome-lead.json',
    'masar workflow export welcome-lead --at 3 -o welcome-lead.yaml',
  );
}

function addServerCommands(group: Command, ended: Ended): void {
  examples(
    group
      .command('publish')
      .description('freeze the draft as a version, which starts from now on')
      .argument('<workflowId>')
      .action(async (workflowId: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const publication = await publish(context.api(), workflowId);
        context.result(publication, (terminal) =>
          terminal.line(`✓ ${workflowId} is published as version ${publication.version}`),
        );
        ended(0);
      }),
    'masar workflow publish welcome-lead',
  );

  examples(
    group
      .command('unpublish')
      .description('let nothing start it any more; what runs goes on')
      .argument('<workflowId>')
      .action(async (workflowId: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const path = `${pathOf(workflowId)}/unpublish`;
        const draft = await context.api().call('POST', path, draftSchema);
        context.result(draft, (terminal) => terminal.line(`✓ ${workflowId} starts no more`));
        ended(0);
      }),
    'masar workflow unpublish welcome-lead',
  );

  examples(
    group
      .command('list')
      .description('all workflows, oldest first')
      .action(async (_options: unknown, command: Command) => {
        const context = contextOf(command);
        const items = await allWorkflows(context.api());
        context.result({ items }, (terminal) => {
          if (items.length === 0) {
            terminal.line('No workflows yet. "masar workflow import <file>" saves one.');
            return;
          }
          const rows = items.map((item) => [
            item.workflowId,
            item.publishedVersion === null ? '–' : `v${item.publishedVersion}`,
            item.isActive ? 'on' : 'off',
            shortTime(item.updatedAt),
            item.name,
          ]);
          const lines = table(['WORKFLOW', 'VERSION', 'STATE', 'CHANGED', 'NAME'], rows);
          for (const [index, line] of lines.entries()) {
            terminal.line(index === 0 ? terminal.dim(line) : line);
          }
        });
        ended(0);
      }),
    'masar workflow list',
    "masar workflow list --json | jq -r '.items[].workflowId'",
  );
}

interface RunOptions {
  readonly lead?: string;
  readonly leadId?: string;
  readonly input?: string;
  readonly mode?: 'sandbox' | 'live';
  readonly idempotencyKey?: string;
  readonly detach?: true;
}

function addRun(group: Command, ended: Ended): void {
  examples(
    group
      .command('run')
      .description('start the published version, and follow it to its end')
      .argument('<workflowId>')
      .option('--lead <json>', 'data of the lead: JSON, or @file')
      .option('--lead-id <id>', 'a lead that is known already')
      .option('--input <json>', 'input of the execution: JSON, or @file')
      .option(
        '--mode <mode>',
        'sandbox sends nothing for real; live does',
        oneOf('sandbox', 'live'),
      )
      .option('--idempotency-key <key>', 'the same key again starts nothing new')
      .option('-d, --detach', 'do not wait for the end')
      .action(async (workflowId: string, options: RunOptions, command: Command): Promise<void> => {
        const context = contextOf(command);
        const api = context.api();
        const { lead, leadId, input, mode, idempotencyKey } = options;
        const accepted = await api.call(
          'POST',
          `${pathOf(workflowId)}/executions`,
          acceptedSchema,
          {
            body: {
              ...(lead === undefined ? {} : { lead: readValue('--lead', lead) }),
              ...(leadId === undefined ? {} : { leadId }),
              ...(input === undefined ? {} : { input: readValue('--input', input) }),
              ...(mode === undefined ? {} : { mode }),
            },
            ...(idempotencyKey === undefined
              ? {}
              : { headers: { 'idempotency-key': idempotencyKey } }),
          },
        );
        const { executionId } = accepted;
        if (options.detach === true) {
          context.result(accepted, (terminal) => terminal.line(executionId));
          return ended(0);
        }
        context.terminal.line(context.terminal.bold(executionId));
        const execution = await watch(context, api, executionId, { pieces: false });
        context.result(executionSchema.parse(execution), () => undefined);
        ended(execution.status === 'succeeded' ? 0 : 1);
      }),
    `masar workflow run welcome-lead --mode sandbox --lead '{"name":"Nour","email":"nour@example.com","phone":"+12025550143","score":80}'`,
    'masar workflow run welcome-lead --lead @lead.json --detach',
  );
}

/** A file that can't be read is a finding as any other, so that the other files are told of too. */
async function validate(api: ApiClient, name: string): Promise<z.infer<typeof validationSchema>> {
  try {
    const { value } = readDefinitionFile(name);
    return await api.call('POST', '/api/workflows/validate', validationSchema, {
      body: value ?? null,
    });
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== 'definition_file') throw error;
    const { code, message } = error;
    return { valid: false, issues: [{ code, severity: 'error', pointer: '', message }] };
  }
}

async function publish(
  api: ApiClient,
  workflowId: string,
): Promise<z.infer<typeof publicationSchema>> {
  return api.call('POST', `${pathOf(workflowId)}/publish`, publicationSchema);
}

async function allWorkflows(api: ApiClient): Promise<z.infer<typeof workflowSummarySchema>[]> {
  const items: z.infer<typeof workflowSummarySchema>[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await api.call('GET', '/api/workflows', pageOf(workflowSummarySchema), {
      query: { limit: '100', cursor },
    });
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = page.nextCursor;
  }
}

/** The issues of a definition, or of a refusal, a line each. */
export function showIssues(terminal: Pick<Terminal, 'line'>, issues: ApiRefusal['issues']): void {
  for (const { severity, nodeId, pointer, message } of issues) {
    const where = [...(nodeId === undefined ? [] : [nodeId]), pointer].join(' ').trim();
    terminal.line(
      `  ${severity === 'warning' ? '!' : '✗'} ${where === '' ? '' : `${where}: `}${message}`,
    );
  }
}

function writeOut(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new OperatorError(
      'not_writable',
      `Cannot write ${path}: ${explainWrite(error, path)}`,
      error,
    );
  }
}

function explainWrite(error: unknown, path: string): string {
  const { code } = explainFileError(error, path);
  return code === 'disk_full'
    ? 'the disk is full.'
    : 'this user may not write there, or the folder does not exist.';
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]) {
  return (text: string): Choice => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new InvalidArgumentError(`It is one of ${choices.join(', ')}.`);
    return found;
  };
}
