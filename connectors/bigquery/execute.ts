import type { Operation } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import type { GoogleCredential } from '../google/credential.ts';
import { createGoogleSessions, type OpenGoogleSession } from '../google/google-session.ts';
import type { Outbound } from '../outbound.ts';
import { findInserted, insert } from './insert.ts';
import { classifyQuery, query } from './query.ts';
import type { InsertInput, InsertOutput, QueryInput, QueryOutput } from './schema.ts';

export interface BigQueryDeps {
  /** Guards the base addresses that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface BigQueryOperations {
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
  readonly insert: Operation<InsertInput, InsertOutput, GoogleCredential>;
  readonly query: Operation<QueryInput, QueryOutput, GoogleCredential>;
}

export function createBigQueryOperations({ outbound }: BigQueryDeps): BigQueryOperations {
  const emulators = createEmulatorOutbound();
  const openLive = createGoogleSessions(outbound);
  const openSandbox = createGoogleSessions(emulators);
  const openSession: OpenGoogleSession = (context) =>
    context.mode === 'sandbox' ? openSandbox(context) : openLive(context);
  return {
    insert: {
      classify: ({ keyColumn }) => (keyColumn === undefined ? 'blind' : 'queryable'),
      lookup: (input, context) => findInserted(openSession(context), input),
      execute: (input, context) => insert(openSession(context), input),
    },
    query: {
      classify: classifyQuery,
      execute: (input, context) => query(openSession(context), input),
    },
    close: emulators.close,
  };
}
