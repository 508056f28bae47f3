/** The connector with its emulator, as the tests of this folder use it. */
import { testContext } from '../connector-suite.ts';
import type { LookupResult, OperationContext, StoredSandboxMessage } from '../contract.ts';
import type { GoogleCredential } from '../google/credential.ts';
import type { GoogleEmulator } from '../google/emulator-google.ts';
import type { EmulatedReply } from '../http-emulator.ts';
import { createMemorySandboxStore } from '../memory-sandbox-store.ts';
import { createOutbound } from '../outbound.ts';
import { isSheetsAppend, startGoogleEmulator } from './emulator.ts';
import { createGoogleSheetsOperations, type GoogleSheetsOperations } from './execute.ts';
import { type AppendInput, type AppendOutput, appendInputSchema } from './schema.ts';

export const SPREADSHEET = '1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms';
/** The key of testContext. */
export const FIRST_KEY = 'execution-1/node-1/';

/** Reaches no private host: in sandbox mode the operations find the emulator by themselves. */
export const openOutbound = () => createOutbound({ allowHosts: [] });

export function inputOf(more: object = {}): AppendInput {
  return appendInputSchema.parse({
    spreadsheetId: SPREADSHEET,
    range: 'Leads!A:D',
    values: ['ليلى', 'leila@example.com', 50, true],
    ...more,
  });
}

type Overrides = Partial<OperationContext<GoogleCredential>>;

export interface AppendHarness {
  readonly operations: GoogleSheetsOperations;
  readonly context: (overrides?: Overrides) => OperationContext<GoogleCredential>;
  readonly emulator: GoogleEmulator;
  readonly store: ReturnType<typeof createMemorySandboxStore>;
  append(input: AppendInput, overrides?: Overrides): Promise<AppendOutput>;
  lookup(input: AppendInput, overrides?: Overrides): Promise<LookupResult<AppendOutput>>;
  /** What the emulator accepted, oldest first. */
  stored(): Promise<StoredSandboxMessage[]>;
  /** The next appends to Sheets get these answers. */
  refuseAppend(...replies: readonly EmulatedReply[]): void;
  close(): Promise<void>;
}

export async function openHarness(): Promise<AppendHarness> {
  const store = createMemorySandboxStore();
  const emulator = await startGoogleEmulator({ store, host: '127.0.0.1', port: 0 });
  const outbound = openOutbound();
  const operations = createGoogleSheetsOperations({ outbound });
  const operation = operations.append;
  const context = (overrides: Overrides = {}) =>
    testContext({ credential: emulator.credential, ...overrides });
  return {
    operations,
    context,
    emulator,
    store,
    append: (input, overrides) => operation.execute(input, context(overrides)),
    lookup: async (input, overrides) => {
      if (operation.lookup === undefined) throw new Error('append has no look-up');
      return operation.lookup(input, context(overrides));
    },
    stored: async () => (await store.list({ connector: 'google-sheets' })).toReversed(),
    refuseAppend: (...replies) =>
      emulator.injectWhere(
        isSheetsAppend,
        ...replies.map((reply) => ({ kind: 'reply' as const, reply })),
      ),
    close: async () => {
      await operations.close();
      await outbound.close();
      await emulator.close();
    },
  };
}
