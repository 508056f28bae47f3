/** Looks at everything that Masar needs, and says what is wrong and what to do about it. */

import { connectDatabase, type Database } from '../../db/connection.ts';
import { connectClient } from '../../temporal/connection.ts';
import type { GlobalOptions } from '../command-context.ts';
import { instanceFile } from '../data-files.ts';
import type { Environment } from '../environment.ts';
import { instanceHolder } from '../instance-lock.ts';
import { checkApi, checkKey } from './api-checks.ts';
import { type Finding, failed, type NamedFinding, reasonOf, skipped } from './check.ts';
import {
  checkDataFolder,
  checkDisk,
  checkNode,
  checkPort,
  checkPrograms,
} from './machine-checks.ts';
import {
  checkClock,
  checkEmulators,
  checkMigrations,
  checkPostgres,
  checkSearchAttributes,
  checkTemporal,
  checkWorkers,
} from './service-checks.ts';

export interface DoctorOptions {
  readonly options: GlobalOptions;
  readonly environment: Environment;
  /** Told of each finding as soon as it is there. */
  readonly onFinding: (finding: NamedFinding) => void;
}

const NOTHING_RUNS = 'Nothing runs here; "masar up" starts it.';

/** @returns every finding, in order */
export async function examine(doctor: DoctorOptions): Promise<readonly NamedFinding[]> {
  const { environment, options } = doctor;
  const findings: NamedFinding[] = [];
  const look = async (name: string, check: () => Finding | Promise<Finding>): Promise<Finding> => {
    // A check that fails to look has found something too.
    const finding = await Promise.resolve()
      .then(check)
      .catch((error: unknown) =>
        failed(`This cannot be looked at: ${reasonOf(error)}.`, 'The findings above may say why.'),
      );
    const named = { name, ...finding };
    findings.push(named);
    doctor.onFinding(named);
    return finding;
  };

  const { dataDir } = environment;
  const running = instanceHolder(dataDir) !== undefined;
  const instance = running ? instanceFile(dataDir).read() : undefined;
  await look('Node', checkNode);
  await look('Data folder', () => checkDataFolder(environment));
  await look('Disk space', () => checkDisk(environment));
  await look('Programs', () => checkPrograms(environment));
  await look('Port', () =>
    options.url !== undefined || environment.url !== undefined
      ? skipped('The API is elsewhere.')
      : checkPort(environment, instance !== undefined),
  );

  await examineDatabase(environment.databaseUrl ?? instance?.databaseUrl, look);
  await examineTemporal(environment, instance?.temporal.address, look);

  const expected =
    instance !== undefined || options.url !== undefined || environment.url !== undefined;
  const api = await look('API', () => checkApi(options, environment, expected));
  await look('API key', () =>
    api.status === 'ok' ? checkKey(options, environment) : skipped('The API is not ready.'),
  );
  return findings;
}

type Look = (name: string, check: () => Finding | Promise<Finding>) => Promise<Finding>;

async function examineDatabase(url: string | undefined, look: Look): Promise<void> {
  const database =
    url === undefined
      ? undefined
      : connectDatabase(url, { poolSize: 1, applicationName: 'masar-doctor' });
  try {
    const found = await look('PostgreSQL', () =>
      database === undefined ? skipped(NOTHING_RUNS) : checkPostgres(database, whereIs(url)),
    );
    const only = (check: (open: Database) => Promise<Finding>) => () =>
      database !== undefined && found.status === 'ok'
        ? check(database)
        : skipped('PostgreSQL was not reached.');
    const schema = await look('Migrations', only(checkMigrations));
    await look(
      'Emulators',
      schema.status === 'ok' ? only(checkEmulators) : () => skipped('The schema is not there.'),
    );
    await look('Clock', only(checkClock));
  } finally {
    await database?.destroy();
  }
}

async function examineTemporal(
  environment: Environment,
  embedded: string | undefined,
  look: Look,
): Promise<void> {
  const address = environment.temporal.address ?? embedded;
  if (address === undefined) {
    await look('Temporal', () => skipped(NOTHING_RUNS));
    return;
  }
  const client = await connectClient({ ...environment.temporal, address }).catch(
    async (error: unknown) => {
      await look('Temporal', () =>
        failed(
          `Temporal on ${address} does not answer: ${reasonOf(error)}.`,
          'Start it, or correct TEMPORAL_ADDRESS, TEMPORAL_API_KEY or TEMPORAL_TLS_…; for the embedded one look at logs/temporal.log in the data folder.',
        ),
      );
      return undefined;
    },
  );
  if (client === undefined) return;
  try {
    const found = await look('Temporal', () => checkTemporal(client));
    const only = (check: () => Promise<Finding>) => () =>
      found.status === 'ok' ? check() : skipped('Temporal was not reached.');
    await look(
      'Search attributes',
      only(() => checkSearchAttributes(client)),
    );
    await look(
      'Workers',
      only(() => checkWorkers(client)),
    );
  } finally {
    await client.connection.close();
  }
}

/** Host, port and name: what a URL holds besides is nobody's business. */
function whereIs(url: string | undefined): string {
  if (url === undefined) return '';
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || '5432'}${pathname}`;
}
