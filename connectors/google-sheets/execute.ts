/** The operations on spreadsheets. What each promises of retries stands in its own file. */
import type { Operation } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import type { GoogleCredential } from '../google/credential.ts';
import { createGoogleSessions, type OpenGoogleSession } from '../google/google-session.ts';
import type { Outbound } from '../outbound.ts';
import { append, lookupAppend } from './append.ts';
import { createSheet } from './create-sheet.ts';
import { lookupRow } from './lookup.ts';
import { read } from './read.ts';
import type {
  AppendInput,
  AppendOutput,
  CreateSheetInput,
  CreateSheetOutput,
  LookupInput,
  LookupOutput,
  ReadInput,
  ReadOutput,
  UpdateInput,
  UpdateOutput,
  UpsertInput,
  UpsertOutput,
} from './schema.ts';
import { createSheetIds } from './sheets.ts';
import { update } from './update.ts';
import { upsert } from './upsert.ts';

export interface GoogleSheetsDeps {
  /** Guards the base addresses that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

type SheetsOperation<Input, Output> = Operation<Input, Output, GoogleCredential>;

export interface GoogleSheetsOperations {
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
  readonly append: SheetsOperation<AppendInput, AppendOutput>;
  readonly update: SheetsOperation<UpdateInput, UpdateOutput>;
  readonly read: SheetsOperation<ReadInput, ReadOutput>;
  readonly lookup: SheetsOperation<LookupInput, LookupOutput>;
  readonly upsert: SheetsOperation<UpsertInput, UpsertOutput>;
  readonly createSheet: SheetsOperation<CreateSheetInput, CreateSheetOutput>;
}

export function createGoogleSheetsOperations({
  outbound,
}: GoogleSheetsDeps): GoogleSheetsOperations {
  const emulators = createEmulatorOutbound();
  const openLive = createGoogleSessions(outbound);
  const openSandbox = createGoogleSessions(emulators);
  const open: OpenGoogleSession = (context) =>
    context.mode === 'sandbox' ? openSandbox(context) : openLive(context);
  const sheetIds = createSheetIds();
  return {
    append: {
      classify: ({ valueInput }) => (valueInput === 'user_entered' ? 'blind' : 'queryable'),
      lookup: (input, context) => lookupAppend(open(context), input),
      execute: (input, context) => append(open(context), sheetIds, input, context),
    },
    update: { execute: (input, context) => update(open(context), input) },
    read: { execute: (input, context) => read(open(context), input) },
    lookup: { execute: (input, context) => lookupRow(open(context), input) },
    upsert: { execute: (input, context) => upsert(open(context), sheetIds, input) },
    createSheet: { execute: (input, context) => createSheet(open(context), input) },
    close: emulators.close,
  };
}
