/** `masar apikey …`: works on the database itself, so it needs no key. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import type { ApiKeyRecord } from '../../db/repositories/api-keys.ts';
import { durationSchema, durationToMs } from '../../workflows/graph/duration.ts';
import { apiKeyFile } from '../data-files.ts';
import type { KeyStore } from '../key-store.ts';
import { OperatorError } from '../local-process.ts';
import { shortTime, table } from '../table.ts';
import { contextOf, type Ended, examples } from './command.ts';

const SCOPES = ['read', 'write', '*'] as const;
const MAX_NAME = 100;

const createSchema = z.object({
  scope: z.array(z.string()),
  expires: z.string().optional(),
  save: z.boolean().optional(),
});

export function addApiKeyCommands(program: Command, ended: Ended): void {
  const group = program
    .command('apikey')
    .description('API keys, in the database of the data folder or of DATABASE_URL');
  addCreate(group, ended);
  addList(group, ended);
  addRevoke(group, ended);
}

function addCreate(group: Command, ended: Ended): void {
  examples(
    group
      .command('create')
      .description('make a key, and show it this once')
      .argument('<name>', 'what people call it, such as the program that is to use it', keyName)
      .addOption(
        new Option('--scope <scope...>', 'what it may do: read, write (and read), or * (all)')
          .choices(SCOPES)
          .default(['*'], '*'),
      )
      .option('--expires <duration>', 'after this time it works no more, such as 90d', duration)
      .option('--save', 'keep it in the data folder, as the key of this command line')
      .action(async (name: string, options: unknown, command: Command) => {
        const { scope: scopes, expires, save } = createSchema.parse(options);
        const context = contextOf(command);
        const expiresAt =
          expires === undefined ? undefined : new Date(Date.now() + durationToMs(expires));
        const { withKeyStore } = await import('../key-store.ts');
        const { environment, terminal } = context;
        const key = await withKeyStore(environment, terminal, async ({ keys, projectId }) => {
          const taken = (await keys.list(projectId)).some((it) => it.name === name && works(it));
          if (taken) {
            throw new OperatorError(
              'key_exists',
              `There is a key "${name}" that works. Choose another name, or revoke that one first.`,
            );
          }
          return keys.create(projectId, name, {
            scopes,
            ...(expiresAt === undefined ? {} : { expiresAt }),
          });
        });
        const file = apiKeyFile(environment.dataDir);
        if (save === true) file.write(key);
        context.result({ name, key, scopes, expiresAt: expiresAt?.toISOString() ?? null }, () => {
          terminal.line(`The API key "${name}", shown only now: ${terminal.bold(key)}`);
          if (save === true) terminal.line(terminal.dim(`A copy is in ${file.path}.`));
        });
        ended(0);
      }),
    'masar apikey create crm --scope write',
    'masar apikey create dashboard --scope read --expires 90d',
  );
}

function addList(group: Command, ended: Ended): void {
  examples(
    group
      .command('list')
      .description('all keys; none can be read again, they are told by name and beginning')
      .option('--all', 'revoked and expired ones too')
      .action(async (options: { all?: true }, command: Command) => {
        const context = contextOf(command);
        const { withKeyStore } = await import('../key-store.ts');
        const all = await withKeyStore(context.environment, context.terminal, (store) =>
          store.keys.list(store.projectId),
        );
        const items = options.all === true ? all : all.filter(works);
        context.result({ items }, (terminal) => {
          if (items.length === 0) {
            terminal.line('No keys. "masar apikey create <name>" makes one.');
            return;
          }
          const rows = items.map((it) => [
            it.name,
            `${it.prefix}…`,
            it.scopes.join(' '),
            shortTime(it.createdAt.toISOString()),
            stateOf(it),
            it.keyId,
          ]);
          const lines = table(['NAME', 'BEGINS', 'SCOPES', 'MADE', 'STATE', 'ID'], rows);
          for (const [index, line] of lines.entries()) {
            terminal.line(index === 0 ? terminal.dim(line) : line);
          }
        });
        ended(0);
      }),
    'masar apikey list --all',
  );
}

function addRevoke(group: Command, ended: Ended): void {
  examples(
    group
      .command('revoke')
      .description('end a key for good; it stops working at once')
      .argument('<key>', 'its name, its beginning, its id, or the key itself')
      .action(async (wanted: string, _options: unknown, command: Command) => {
        const context = contextOf(command);
        const { withKeyStore } = await import('../key-store.ts');
        const { environment } = context;
        const key = await withKeyStore(environment, context.terminal, async (store) => {
          const found = await findKey(store, wanted);
          await store.keys.revoke(store.projectId, found.keyId);
          return found;
        });
        context.result({ ...key, revoked: true }, (terminal) => {
          terminal.line(`✓ ${key.name} (${key.prefix}…) works no more`);
          if (apiKeyFile(environment.dataDir).read()?.startsWith(key.prefix) === true) {
            terminal.line(
              'It was the key of this command line: "masar apikey create <name> --save" makes another.',
            );
          }
        });
        ended(0);
      }),
    'masar apikey revoke crm',
  );
}

/** @throws OperatorError `no_such_key` where it names none, or more than one */
async function findKey({ keys, projectId }: KeyStore, wanted: string): Promise<ApiKeyRecord> {
  const working = (await keys.list(projectId)).filter(({ revokedAt }) => revokedAt === null);
  const exact = working.filter(({ keyId, name }) => keyId === wanted || name === wanted);
  const identity = exact.length === 0 ? await keys.identify(wanted) : undefined;
  const begun = working.filter(
    ({ keyId, prefix }) => keyId === identity?.keyId || prefix === wanted.replace(/…$/, ''),
  );
  const found = exact.length > 0 ? exact : begun;
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new OperatorError(
    'no_such_key',
    first === undefined
      ? 'No key that works is called so. "masar apikey list" shows them.'
      : `More than one key is called so: ${found.map(({ keyId }) => keyId).join(', ')}. Name one by its id.`,
  );
}

function works({ revokedAt, expiresAt }: ApiKeyRecord): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt.getTime() > Date.now());
}

function stateOf(key: ApiKeyRecord): string {
  if (key.revokedAt !== null) return `revoked ${shortTime(key.revokedAt.toISOString())}`;
  if (key.expiresAt === null) return 'works';
  const at = shortTime(key.expiresAt.toISOString());
  return works(key) ? `works until ${at}` : `expired ${at}`;
}

function keyName(text: string): string {
  if (text.trim() !== '' && text.length <= MAX_NAME && !/\p{Cc}/u.test(text)) return text;
  throw new InvalidArgumentError(`It has 1 to ${MAX_NAME} printable characters.`);
}

function duration(text: string): string {
  if (durationSchema.safeParse(text).success && durationToMs(text) > 0) return text;
  throw new InvalidArgumentError('It is a time such as 12h or 90d.');
}
