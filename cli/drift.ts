/**
 * Compares what is generated with what is committed: docs/openapi.json with the endpoints,
 * docs/connectors/ with the connectors' manifests, docs/errors.md with the codes, docs/cli.md with
 * the commands, and db/schema.sql with the migrations. `--write` writes the files instead.
 * `--without-schema` leaves out db/schema.sql, which takes a PostgreSQL.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { createApiDocument } from '../api/create-app.ts';
import { CONNECTOR_MANIFESTS } from '../connectors/catalog.ts';
import { connectDatabase } from '../db/connection.ts';
import { startEmbeddedPostgres } from '../db/embedded-postgres.ts';
import { migrate } from '../db/migrate.ts';
import { dumpSchema } from '../db/schema-dump.ts';
import { createVault } from '../db/vault.ts';
import { commandLinePage } from './command-line-docs.ts';
import { CONNECTOR_DOCS, connectorPages } from './connector-docs.ts';
import { errorPage } from './error-docs.ts';
import { silentLogger } from './logger.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Describing the endpoints asks nobody: neither of these addresses is ever connected to. */
function openApiText(): string {
  const connection = Connection.lazy({ address: '127.0.0.1:1' });
  const document = createApiDocument({
    settings: {
      host: '127.0.0.1',
      port: 0,
      corsOrigins: [],
      rateLimitPerMinute: 1,
      defaultMode: undefined,
      temporalUiUrl: undefined,
      temporalNamespace: 'default',
      environmentCredentials: new Set(),
    },
    database: connectDatabase('postgresql://127.0.0.1:1/none'),
    client: new Client({ connection }),
    listener: { subscribe: () => () => undefined, stop: async () => undefined },
    dispatcher: {
      submit: () => undefined,
      whileAdmitting: () => undefined,
      drain: async () => undefined,
    },
    catalog: CONNECTOR_MANIFESTS,
    vault: createVault(Buffer.alloc(32).toString('base64')),
    logger: silentLogger,
    shutdown: new AbortController().signal,
  });
  return formatted(JSON.stringify(document), 'docs/openapi.json');
}

/** As the formatter would leave it, so that the generated file passes the same check as all others. */
function formatted(text: string, path: string): string {
  const biome = join(root, 'node_modules', '.bin', 'biome');
  const result = spawnSync(biome, ['format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) throw new Error(`biome could not format ${path}: ${result.stderr}`);
  return result.stdout;
}

async function schemaText(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'masar-drift-'));
  try {
    const postgres = await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      logFile: join(folder, 'postgres.log'),
    });
    try {
      await migrate(postgres.url);
      const database = connectDatabase(postgres.url, { poolSize: 1 });
      try {
        return await dumpSchema(database);
      } finally {
        await database.destroy();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the number of the first line that differs, from 1 */
function firstDifference(one: string, other: string): number {
  const lines = other.split('\n');
  return one.split('\n').findIndex((line, index) => line !== lines[index]) + 1;
}

async function main(): Promise<number> {
  const write = process.argv.includes('--write');
  const files = [
    { path: 'docs/openapi.json', text: openApiText() },
    ...connectorPages(CONNECTOR_MANIFESTS),
    errorPage(),
    { path: 'docs/cli.md', text: commandLinePage() },
    ...(process.argv.includes('--without-schema')
      ? []
      : [{ path: 'db/schema.sql', text: await schemaText() }]),
  ];
  const made = new Set(files.map(({ path }) => path));
  let drifted = 0;
  for (const { path, text } of files) {
    const absolute = join(root, path);
    const committed = await readFile(absolute, 'utf8').catch(() => '');
    if (committed === text) continue;
    if (write) {
      await mkdir(dirname(absolute), { recursive: true });
      await writeFile(absolute, text);
      process.stdout.write(`${path} written.\n`);
    } else {
      drifted += 1;
      process.stderr.write(
        `${path} is not what the code makes (first difference in line ${firstDifference(text, committed)}). Run "node cli/drift.ts --write" and commit it.\n`,
      );
    }
  }
  // Pages of connectors that are gone.
  for (const name of await readdir(join(root, CONNECTOR_DOCS)).catch(() => [])) {
    const path = `${CONNECTOR_DOCS}/${name}`;
    if (made.has(path)) continue;
    if (write) {
      await rm(join(root, path));
      process.stdout.write(`${path} removed.\n`);
    } else {
      drifted += 1;
      process.stderr.write(
        `${path} is of no connector. Run "node cli/drift.ts --write" and commit it.\n`,
      );
    }
  }
  return drifted === 0 ? 0 : 1;
}

process.exit(await main());
