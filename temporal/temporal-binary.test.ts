import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cacheFolder, findTemporalBinary, TEMPORAL_CLI_VERSION } from './temporal-binary.ts';

const WORKING_PROGRAM = '#!/bin/sh\necho "temporal version 1.5.1"\n';

describe('findTemporalBinary', () => {
  let root: string;
  let env: NodeJS.ProcessEnv;
  let cached: string;
  const steps: string[] = [];
  const progress = {
    begin: (message: string) => void steps.push(message),
    update: (message: string) => void steps.push(message),
  };
  const offline = async (): Promise<void> => {
    throw new Error('dns error: no such host');
  };

  /** Puts a program on the PATH of the test. */
  async function program(name: string, script: string): Promise<void> {
    await writeFile(join(root, 'bin', name), script);
    await chmod(join(root, 'bin', name), 0o755);
  }

  beforeEach(async () => {
    steps.length = 0;
    root = await mkdtemp(join(tmpdir(), 'masar-binary-'));
    await mkdir(join(root, 'bin'));
    env = { PATH: join(root, 'bin'), XDG_CACHE_HOME: join(root, 'cache'), HOME: root };
    cached = join(root, 'cache', 'masar', `temporal-${TEMPORAL_CLI_VERSION}`, 'temporal');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test('takes the one on PATH, and only if it runs', async () => {
    await program('temporal', WORKING_PROGRAM);
    expect(await findTemporalBinary({ env, download: offline })).toBe('temporal');
    await program('temporal', '#!/bin/sh\nexit 1\n');
    await expect(findTemporalBinary({ env, download: offline })).rejects.toMatchObject({
      code: 'binary_missing',
    });
  });

  test('keeps what was downloaded, under any name, and downloads once', async () => {
    let downloads = 0;
    const download = async (folder: string): Promise<void> => {
      downloads += 1;
      await writeFile(join(folder, 'temporal-sdk'), WORKING_PROGRAM, { mode: 0o755 });
    };
    expect(await findTemporalBinary({ env, download, progress })).toBe(cached);
    expect(await findTemporalBinary({ env, download, progress })).toBe(cached);
    expect(downloads).toBe(1);
    expect(steps).toEqual([expect.stringContaining('Fetching the Temporal server')]);
  });

  test('builds with Go where there is no internet, and says first how long it takes', async () => {
    await program(
      'go',
      `#!/bin/sh
if [ "$1" = version ]; then echo go1.26; exit 0; fi
[ "$1 $2 $3" = "install -v github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}" ] || exit 3
echo "go.temporal.io/server/common" >&2
printf '#!/bin/sh\\necho ok\\n' > "$GOBIN/temporal"
/bin/chmod 755 "$GOBIN/temporal"
/bin/sleep 1.2
`,
    );
    expect(await findTemporalBinary({ env, download: offline, progress })).toBe(cached);
    expect(steps[1]).toContain('about four minutes, once');
    expect(steps[2]).toMatch(
      /^Building Temporal: 0:01, 1 of about 1300 packages \(go\.temporal\.io/,
    );
    expect(await readdir(join(root, 'cache', 'masar'))).toEqual([
      `temporal-${TEMPORAL_CLI_VERSION}`,
    ]);
  });

  test('an interrupted build leaves no program behind', async () => {
    await program(
      'go',
      `#!/bin/sh
[ "$1" = version ] && exit 0
printf 'half' > "$GOBIN/temporal"
exec /bin/sleep 20
`,
    );
    const interrupt = new AbortController();
    const found = findTemporalBinary({
      env,
      download: offline,
      signal: interrupt.signal,
      progress: { begin: () => undefined, update: () => interrupt.abort() },
    });
    await expect(found).rejects.toThrow();
    expect(await readdir(join(root, 'cache', 'masar'))).toEqual([]);
  });

  test('two starts at once build once', async () => {
    const builds = join(root, 'builds');
    await program(
      'go',
      `#!/bin/sh
[ "$1" = version ] && exit 0
echo build >> ${builds}
/bin/sleep 1
printf '#!/bin/sh\\n' > "$GOBIN/temporal"
/bin/chmod 755 "$GOBIN/temporal"
`,
    );
    const options = { env, download: offline, progress };
    expect(await Promise.all([findTemporalBinary(options), findTemporalBinary(options)])).toEqual([
      cached,
      cached,
    ]);
    expect(await readFile(builds, 'utf8')).toBe('build\n');
    expect(steps.filter((step) => step.includes('waiting for it'))).toHaveLength(1);
  });

  test('with neither internet nor Go, names the three ways out and the cause', async () => {
    const found = findTemporalBinary({ env, download: offline });
    await expect(found).rejects.toMatchObject({
      code: 'binary_missing',
      message: expect.stringMatching(
        /no such host.*Go is not installed.*PATH.*Go.*TEMPORAL_ADDRESS/s,
      ),
    });
  });

  test('says that go failed, with its last line', async () => {
    await program(
      'go',
      '#!/bin/sh\n[ "$1" = version ] && exit 0\necho "go: module lookup disabled" >&2\nexit 1\n',
    );
    await expect(findTemporalBinary({ env, download: offline })).rejects.toMatchObject({
      message: expect.stringContaining('go install failed: go: module lookup disabled'),
    });
  });
});

test('cacheFolder follows XDG_CACHE_HOME, else the home folder', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/masar');
  expect(cacheFolder({ HOME: '/h' })).toMatch(/^\/h\/.*masar$/);
});
