/** `masar …` as people and scripts use it: output, exit codes, errors, against the real servers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createApiClient } from '../../cli/api-client.ts';
import { countUnfinished } from '../../cli/demo.ts';
import { type CommandOptions, type CommandResult, runCommand } from '../support/command-line.ts';
import { type Stack, startStack } from '../support/stack.ts';

const keySchema = z.object({ key: z.string() });
const startedSchema = z.looseObject({ executionId: z.string() });
const endedSchema = z.looseObject({ executionId: z.string(), status: z.string() });

const GREET = `# a comment
workflowId: greet
name: Greet
nodes:
  - { id: mail, type: email, config: { to: "{{ lead.email }}", subject: "مرحباً {{ lead.name }}", text: Hello } }
  - { id: ask, type: approval, config: { message: Go on?, timeout: 1h } }
connections: [{ from: mail, to: ask }]
`;
const LEAD = JSON.stringify({ name: 'نور', email: 'nour@example.com' });

let stack: Stack;
let folder: string;
beforeAll(async () => {
  stack = await startStack();
  folder = mkdtempSync(join(tmpdir(), 'masar-cli-'));
}, 120_000);
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

function masar(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const env = { MASAR_URL: stack.apiUrl, MASAR_API_KEY: stack.apiKey, MASAR_DATA: folder };
  return runCommand(args, { cwd: folder, ...options, env: { ...env, ...options.env } });
}

describe('masar workflow', () => {
  test('import saves and publishes YAML from standard input; export gives the same back', async () => {
    const imported = await masar(['workflow', 'import', '-', '--publish'], { input: GREET });
    expect(imported.err).toBe('');
    expect(imported.out).toContain('published as version 1');
    expect(imported.code).toBe(0);

    const again = await masar(['workflow', 'import', '-'], { input: GREET });
    expect(again.code).toBe(1);
    expect(again.err).toContain('--if-exists replace');

    const file = join(folder, 'greet.yaml');
    expect((await masar(['workflow', 'export', 'greet', '-o', file])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('مرحباً {{ lead.name }}');
    const replaced = await masar(['workflow', 'import', file, '--if-exists', 'replace', '--json']);
    expect(replaced.json()).toMatchObject({ workflowId: 'greet', issues: [], publication: null });
    const text = await masar(['workflow', 'export', 'greet']);
    expect(JSON.parse(text.out)).toMatchObject({ workflowId: 'greet', name: 'Greet' });

    const list = await masar(['workflow', 'list']);
    expect(list.out).toMatch(/^greet +v1 +on .*Greet$/m);
  }, 60_000);

  test('import takes an export of n8n, and says what has no counterpart', async () => {
    const n8n = {
      name: 'From n8n',
      nodes: [
        {
          id: '1',
          name: 'Start',
          type: 'n8n-nodes-base.manualTrigger',
          typeVersion: 1,
          position: [0, 0],
          parameters: {},
        },
        {
          id: '2',
          name: 'Launch a rocket',
          type: 'n8n-nodes-base.rocket',
          typeVersion: 1,
          position: [200, 0],
          parameters: {},
        },
      ],
      connections: { Start: { main: [[{ node: 'Launch a rocket', type: 'main', index: 0 }]] } },
    };
    writeFileSync(join(folder, 'n8n.json'), JSON.stringify(n8n));
    const result = await masar(['workflow', 'import', 'n8n.json', '--id', 'from-n8n']);
    expect(result.err).toBe('');
    expect(result.code).toBe(0);
    expect(result.out).toContain('✓ from-n8n: From n8n');
    expect(result.out).toMatch(/Launch a rocket: .*\n +→ /);
  }, 30_000);

  test('validate names file, node and place, and ends with 1', async () => {
    const path = join(folder, 'wrong.json');
    writeFileSync(path, '{"workflowId":"w","name":"W","nodes":[{"id":"x","type":"emial"}]}');
    writeFileSync(join(folder, 'broken.json'), '{"workflowId":');
    const result = await masar(['workflow', 'validate', path, 'broken.json']);
    expect(result.code).toBe(1);
    expect(result.out).toContain(`✗ ${path}\n  ✗ x /nodes/0/type`);
    expect(result.out).toContain('broken.json is not valid JSON');
  }, 30_000);
});

describe('masar execution', () => {
  test('watch tells each change as JSON, and ends when the execution does', async () => {
    const started = await masar(['workflow', 'run', 'greet', '--lead', LEAD, '-d', '--json']);
    const { executionId } = startedSchema.parse(started.json());
    const watching = masar(['execution', 'watch', executionId, '--json']);
    await stack.until('somebody is asked', async () => {
      const { nodes } = await stack.execution(executionId);
      return nodes.some(({ nodeId, status }) => nodeId === 'ask' && status === 'waiting');
    });
    const api = createApiClient({ url: stack.apiUrl, key: stack.apiKey, keySource: 'the test' });
    expect(await countUnfinished(api)).toEqual({ count: 1, more: false });
    const { body } = await stack.call('GET', `/api/executions/${executionId}`);
    expect(body.status).not.toBe('running');

    const cancelled = await masar(['execution', 'cancel', executionId, '--reason', 'enough']);
    expect(cancelled.code).toBe(0);
    const watched = await watching;
    expect(watched.code).toBe(1);
    const lines = watched.out
      .trim()
      .split('\n')
      .map((line) => z.looseObject({ event: z.string() }).parse(JSON.parse(line)));
    expect(lines.at(-1)).toMatchObject({ event: 'execution', executionId, status: 'cancelled' });
    expect(lines).toContainEqual(
      expect.objectContaining({ event: 'node', nodeId: 'mail', status: 'succeeded' }),
    );

    const shown = await masar(['execution', 'show', executionId]);
    expect(shown.out).toMatch(/✓ mail +email +\d+ ms/);
    expect(shown.out).toContain('cancelled');
    const listed = await masar(['execution', 'list', '--status', 'cancelled', '--json']);
    expect(listed.json()).toMatchObject({ items: [{ executionId }], more: false });

    const retried = await masar(['execution', 'retry', executionId, '--detach', '--json']);
    const { executionId: second } = startedSchema.parse(retried.json());
    expect(second).not.toBe(executionId);
    await masar(['execution', 'cancel', second]);
  }, 60_000);

  test('people pause, resume and decide; what waits for nobody is refused', async () => {
    const started = await masar(['workflow', 'run', 'greet', '--lead', LEAD, '-d', '--json']);
    const { executionId } = startedSchema.parse(started.json());
    await stack.until('somebody is asked', async () => {
      const { nodes } = await stack.execution(executionId);
      return nodes.some(({ nodeId, status }) => nodeId === 'ask' && status === 'waiting');
    });
    const paused = await masar(['execution', 'pause', executionId]);
    expect(paused.out).toContain('is paused');
    const resumed = await masar(['execution', 'resume', executionId]);
    expect(resumed.code).toBe(0);
    const doubt = await masar(['execution', 'resolve', executionId, 'mail', '--as', 'sent']);
    expect(doubt.code).toBe(1);
    expect(doubt.err).toContain('only one whose status is unknown');
    const approved = await masar(['execution', 'approve', executionId, 'ask', '--comment', 'نعم']);
    expect(approved.code).toBe(0);
    const ended = await stack.ended(executionId);
    expect(ended.status).toBe('succeeded');
    expect(ended.nodes.at(-1)).toMatchObject({ nodeId: 'ask', outputPort: 'approved' });
    const late = await masar(['execution', 'reject', executionId, 'ask']);
    expect(late.code).toBe(1);
  }, 60_000);

  test('signal lets a wait go on, with its data', async () => {
    const waiting = `workflowId: waiting
name: Waiting
nodes: [{ id: pay, type: wait, config: { event: payment.received, timeout: 1h } }]
`;
    await masar(['workflow', 'import', '-', '--publish'], { input: waiting });
    const started = await masar(['workflow', 'run', 'waiting', '-d', '--json']);
    const { executionId } = startedSchema.parse(started.json());
    const args = ['execution', 'signal', executionId, 'payment.received', '--data', '{"paid":7}'];
    // An event that comes before the node waits for it is kept; before the run is there, it is not.
    await stack.until('the event is taken', async () => (await masar(args)).code === 0);
    const ended = await stack.ended(executionId);
    expect(ended.nodes[0]).toMatchObject({ output: { data: { paid: 7 } } });
  }, 60_000);

  test('run follows to the end, and its exit code is the result', async () => {
    const failing = {
      workflowId: 'failing',
      name: 'Failing',
      nodes: [{ id: 'no', type: 'fail', config: { message: 'Not today.' } }],
    };
    writeFileSync(join(folder, 'failing.json'), JSON.stringify(failing));
    await masar(['workflow', 'import', 'failing.json', '--publish']);
    const result = await masar(['workflow', 'run', 'failing', '--json']);
    expect(endedSchema.parse(result.json()).status).toBe('failed');
    expect(result.code).toBe(1);
    const seen = await masar(['workflow', 'run', 'failing']);
    expect(seen.out).toContain('✗ failed');
    expect(seen.out).toContain('Not today.');
    // In a pipe there is nothing to replace and nothing to colour.
    expect(seen.out).not.toContain('\x1b');
  }, 60_000);
});

describe('masar apikey', () => {
  const database = (): CommandOptions => ({ env: { DATABASE_URL: stack.env.DATABASE_URL ?? '' } });
  const withKey = (key: string): CommandOptions => ({ env: { MASAR_API_KEY: key } });

  test('a key works at once within its scope, and not one moment after it is revoked', async () => {
    const made = await masar(
      ['apikey', 'create', 'reader', '--scope', 'read', '--json'],
      database(),
    );
    const { key } = keySchema.parse(made.json());
    expect((await masar(['workflow', 'list'], withKey(key))).code).toBe(0);
    const refused = await masar(['workflow', 'publish', 'greet'], withKey(key));
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('may not change anything');

    const listed = await masar(['apikey', 'list'], database());
    expect(listed.out).toMatch(/reader +masar_\S{4}… +read .*works/);
    expect(listed.out).not.toContain(key);
    const twice = await masar(['apikey', 'create', 'reader'], database());
    expect(twice.code).toBe(1);

    const request = (): Promise<Response> =>
      fetch(`${stack.apiUrl}/api/workflows`, { headers: { 'x-api-key': key } });
    expect((await request()).status).toBe(200);
    expect((await masar(['apikey', 'revoke', 'reader'], database())).code).toBe(0);
    expect((await request()).status).toBe(401);

    const after = await masar(['workflow', 'list', '--json'], withKey(key));
    expect(after.code).toBe(1);
    expect(JSON.parse(after.err)).toMatchObject({ error: 'api_key' });
    const gone = await masar(['apikey', 'revoke', 'reader'], database());
    expect(gone.err).toContain('No key that works is called so');
    const all = await masar(['apikey', 'list', '--all'], database());
    expect(all.out).toMatch(/reader .*revoked/);
  }, 60_000);

  test('a key that expires stops by itself, and a saved one is this folder’s', async () => {
    const args = ['apikey', 'create', 'short', '--expires', '1s', '--save', '--json'];
    const { key } = keySchema.parse((await masar(args, database())).json());
    expect(readFileSync(join(folder, 'api-key'), 'utf8').trim()).toBe(key);
    await stack.until('it has expired', async () => {
      const answer = await fetch(`${stack.apiUrl}/api/workflows`, {
        headers: { 'x-api-key': key },
      });
      return answer.status === 401;
    });
  }, 30_000);
});

describe('masar doctor', () => {
  test('finds nothing wrong with a Masar that is well, and names what is not', async () => {
    const { DATABASE_URL = '', TEMPORAL_ADDRESS = '', TEMPORAL_NAMESPACE = '' } = stack.env;
    const env = { DATABASE_URL, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, PORT: '0' };
    const well = await masar(['doctor'], { env });
    expect(well.out).toContain('✓ All is well.');
    for (const name of ['Migrations', 'Search attributes', 'Workers', 'Emulators', 'API key']) {
      expect(well.out).toMatch(new RegExp(`✓ ${name}`));
    }
    expect(well.code).toBe(0);

    const ill = await masar(['doctor', '--json'], {
      env: { ...env, TEMPORAL_NAMESPACE: 'nowhere', MASAR_API_KEY: 'masar_wrong' },
    });
    expect(ill.code).toBe(1);
    const { findings } = z
      .object({ findings: z.array(z.looseObject({ name: z.string(), status: z.string() })) })
      .parse(ill.json());
    const wrong = findings.filter(({ status }) => status === 'failed').map(({ name }) => name);
    expect(wrong).toEqual(['Temporal', 'API key']);
    const password = new URL(DATABASE_URL).password;
    if (password !== '') expect(ill.out).not.toContain(password);
  }, 60_000);
});

describe('errors', () => {
  test.each([
    { args: ['worklow', 'list'], says: 'Did you mean workflow?' },
    { args: ['workflow', 'lst'], says: 'Did you mean list?' },
    { args: ['up', '--onse'], says: 'Did you mean --once?' },
    { args: ['workflow', 'run'], says: "missing required argument 'workflowId'" },
    { args: ['workflow', 'run', 'x', '--mode', 'dry'], says: 'one of sandbox, live' },
    { args: ['workflow', 'run', 'x', '--lead', 'name=x'], says: '--lead must be JSON' },
    { args: ['workflow', 'list', '--url', 'localhost'], says: '--url must be an address' },
    { args: ['execution'], says: 'Usage: masar execution' },
  ])('$args is a wrong command line: exit code 2', async ({ args, says }) => {
    const result = await masar(args);
    expect(result.err).toContain(says);
    expect(result.code).toBe(2);
  });

  test('an API that is not there, or is none, is said in a sentence with what to do', async () => {
    const away = await masar(['workflow', 'list', '--url', 'http://127.0.0.1:9']);
    expect(away.code).toBe(1);
    expect(away.err).toContain('masar up');
    const strange = await masar(['workflow', 'list', '--url', `${stack.apiUrl}/api/docs`]);
    expect(strange.code).toBe(1);
    expect(strange.err).not.toMatch(/\n\s+at /);
    const json = await masar(['workflow', 'publish', 'nowhere', '--json']);
    expect(JSON.parse(json.err)).toMatchObject({ error: 'workflow_not_found', status: 404 });
  }, 30_000);

  test('the key of the data folder goes to this machine alone', async () => {
    writeFileSync(join(folder, 'api-key'), 'masar_local\n', { mode: 0o600 });
    const result = await masar(['workflow', 'list', '--url', 'http://192.0.2.1:3000'], {
      env: { MASAR_API_KEY: '' },
    });
    expect(result.code).toBe(1);
    expect(result.err).toContain('There is no API key for http://192.0.2.1:3000');
  });
});
