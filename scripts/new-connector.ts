/**
 * Makes the folder of a new connector from scripts/connector-template/, which is a connector that
 * works, and registers it.
 *
 *   npm run new:connector NAME
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { CONTROL_MANIFESTS } from '../workflows/graph/control-nodes.ts';
import { caseForms, fromTemplate, registrations } from './connector-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const template = join(root, 'scripts', 'connector-template');

/** @returns what is wrong with the name; undefined if it can be taken */
function refusal(name: string | undefined): string | undefined {
  if (name === undefined) return 'Usage: npm run new:connector NAME, for example my-crm';
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > 40) {
    return `"${name}" can’t be the type of a node. Write small letters, digits and hyphens, for example my-crm.`;
  }
  const taken = [...CONNECTOR_MANIFESTS, ...CONTROL_MANIFESTS].some(({ type }) => type === name);
  if (taken || existsSync(join(root, 'connectors', name))) {
    return `There is a "${name}" already. Choose another name, or remove connectors/${name} first.`;
  }
  return undefined;
}

/** @throws Error if the program can't be run or fails */
function run(program: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stderr}`);
}

async function main(name: string | undefined): Promise<number> {
  const reason = refusal(name);
  if (name === undefined || reason !== undefined) {
    process.stderr.write(`${reason}\n`);
    return 2;
  }
  const forms = caseForms(name);
  // All texts are made before the first one is written: it works whole or not at all.
  const registered = await Promise.all(
    registrations(forms).map(async ({ path, change }) => ({
      path,
      text: change(await readFile(join(root, path), 'utf8')),
    })),
  );
  const files = await Promise.all(
    (await readdir(template)).sort().map(async (file) => ({
      path: `connectors/${name}/${file}`,
      text: fromTemplate(await readFile(join(template, file), 'utf8'), forms),
    })),
  );
  await mkdir(join(root, 'connectors', name));
  for (const { path, text } of [...files, ...registered]) await writeFile(join(root, path), text);
  const changed = [...files, ...registered].map(({ path }) => path);
  // Sorts the imports, which stand elsewhere in the alphabet now.
  run(join(root, 'node_modules', '.bin', 'biome'), ['check', '--write', ...changed]);
  run(process.execPath, ['cli/drift.ts', '--write', '--without-schema']);

  process.stdout.write(
    [
      `connectors/${name} is there and registered; it works against its emulator.`,
      ...changed.map((path) => `  ${path}`),
      `  docs/connectors/${name}.md`,
      '',
      'Now make it the connector that you mean:',
      '  1. schema.ts: the fields, and the credential',
      '  2. manifest.ts: the idempotency class, from the provider’s documentation',
      '  3. execute.ts and errors.ts: the calls, and truthfully what each error proves',
      '  4. emulator.ts: the provider’s own answers',
      `  npm run test:unit -- --testPathPatterns connectors/${name}`,
      '  npm run drift -- --write',
      '',
    ].join('\n'),
  );
  return 0;
}

process.exitCode = await main(process.argv[2]);
