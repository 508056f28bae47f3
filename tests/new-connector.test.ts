/** The generator of connectors, run in a copy of the project. */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

jest.setTimeout(180_000);

const root = fileURLToPath(new URL('..', import.meta.url));
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'masar-new-connector-'));
  const left = new Set(['node_modules', '.git', '.masar']);
  await cp(root, copy, {
    recursive: true,
    filter: (source) => !left.has(basename(source)),
  });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rm(copy, { recursive: true, force: true }));

function run(program: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
  });
  return { status, said: stdout + stderr };
}

const tool = (name: string): string => join(root, 'node_modules', '.bin', name);
const generate = (...args: readonly string[]) =>
  run(process.execPath, 'scripts/new-connector.ts', ...args);

test('a new connector is registered, and passes lint, types, its tests and the documentation’s check', async () => {
  const made = generate('my-crm2');
  expect(made.said).toContain('connectors/my-crm2 is there and registered');
  expect(made.status).toBe(0);
  for (const file of [
    'connectors/catalog.ts',
    'connectors/operations.ts',
    'workers/emulators.ts',
  ]) {
    expect(await readFile(join(copy, file), 'utf8')).toContain('my-crm2/');
  }
  expect(await readFile(join(copy, 'docs/connectors/my-crm2.md'), 'utf8')).toContain('# My crm2');

  expect(run(tool('biome'), 'check', 'connectors', 'workers')).toMatchObject({ status: 0 });
  expect(run(tool('tsc'), '--noEmit')).toMatchObject({ status: 0 });
  const drift = run(process.execPath, 'cli/drift.ts', '--without-schema');
  expect(drift).toMatchObject({ status: 0 });
  const tests = run(
    process.execPath,
    'node_modules/jest/bin/jest.js',
    '--selectProjects=unit',
    '--testPathPatterns=connectors/my-crm2|cli/connector-docs',
  );
  expect(tests.said).toContain('PASS unit connectors/my-crm2/execute.test.ts');
  expect(tests).toMatchObject({ status: 0 });

  const again = generate('my-crm2');
  expect(again).toMatchObject({ status: 2 });
  expect(again.said).toContain('There is a "my-crm2" already');
});

test.each([
  [[], 'Usage: npm run new:connector NAME'],
  [['My_CRM'], 'Write small letters, digits and hyphens'],
  [['../up'], 'Write small letters, digits and hyphens'],
  [['email'], 'There is a "email" already'],
  [['forEach'], 'Write small letters'],
  [['wait'], 'There is a "wait" already'],
])('%j is refused', (args, words) => {
  const { status, said } = generate(...args);
  expect(said).toContain(words);
  expect(status).toBe(2);
});
