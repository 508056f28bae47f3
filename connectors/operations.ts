import { createBigQueryOperations } from './bigquery/execute.ts';
import type { CodeRunner } from './code/code-runner.ts';
import { createCodeOperations } from './code/execute.ts';
import type { CredentialCheck, Operation } from './contract.ts';
import { createCsvOperations } from './csv/execute.ts';
import { createEmailOperations } from './email/execute.ts';
import { createGoogleCheck } from './google/check-credential.ts';
import { createGoogleSheetsOperations } from './google-sheets/execute.ts';
import { createHttpCheck } from './http/check-credential.ts';
import { createHttpOperations } from './http/execute.ts';
import { createJsonOperations } from './json/execute.ts';
import { createOpenaiCheck } from './openai/check-credential.ts';
import { createOpenaiOperations } from './openai/execute.ts';
import type { Outbound } from './outbound.ts';
import { createPostgresOperations } from './postgres/execute.ts';
import { createSlackCheck } from './slack/check-credential.ts';
import { createSlackOperations } from './slack/execute.ts';
import { createTelegramCheck } from './telegram/check-credential.ts';
import { createTelegramOperations } from './telegram/execute.ts';
import { createWhatsappOperations } from './whatsapp/execute.ts';
import { createXmlOperations } from './xml/execute.ts';

export interface OperationsDeps {
  /** The guarded client for addresses that users write. */
  readonly outbound: Outbound;
  readonly runCode: CodeRunner;
  /** Where HTTP requests go in sandbox mode. */
  readonly httpEmulatorUrl?: () => Promise<string | undefined>;
}

export interface Operations {
  /** By `<connector>.<operation>`, the activity's type. */
  readonly byType: ReadonlyMap<string, Operation>;
  /** By type of credential. A type without one can only be tried by running a node. */
  readonly checks: ReadonlyMap<string, CredentialCheck>;
  /** Closes pooled connections. */
  close(): Promise<void>;
}

/** How every operation of the catalog acts. */
export function createOperations(deps: OperationsDeps): Operations {
  const email = createEmailOperations({
    fetchBytes: deps.outbound.fetchBytes,
    guardHost: deps.outbound.guardHost,
  });
  const whatsapp = createWhatsappOperations({ outbound: deps.outbound });
  const telegram = createTelegramOperations({ outbound: deps.outbound });
  const slack = createSlackOperations({ outbound: deps.outbound });
  const sheets = createGoogleSheetsOperations({ outbound: deps.outbound });
  const bigQuery = createBigQueryOperations({ outbound: deps.outbound });
  const postgres = createPostgresOperations({ guardHost: deps.outbound.guardHost });
  const http = createHttpOperations({
    outbound: deps.outbound,
    ...(deps.httpEmulatorUrl === undefined ? {} : { emulatorUrl: deps.httpEmulatorUrl }),
  });
  const openai = createOpenaiOperations({ outbound: deps.outbound });
  const code = createCodeOperations({ runCode: deps.runCode });
  return {
    byType: new Map<string, Operation>([
      ['email.send', email.send],
      ['whatsapp.send', whatsapp.send],
      ['whatsapp.mark-read', whatsapp.markRead],
      ['telegram.send-message', telegram.sendMessage],
      ['telegram.send-photo', telegram.sendPhoto],
      ['telegram.send-document', telegram.sendDocument],
      ['slack.send', slack.send],
      ['google-sheets.append', sheets.append],
      ['google-sheets.update', sheets.update],
      ['google-sheets.read', sheets.read],
      ['google-sheets.lookup', sheets.lookup],
      ['google-sheets.upsert', sheets.upsert],
      ['google-sheets.create-sheet', sheets.createSheet],
      ['bigquery.insert', bigQuery.insert],
      ['bigquery.query', bigQuery.query],
      ['openai.chat', openai.chat],
      ['openai.moderate', openai.moderate],
      ['postgres.query', postgres.query],
      ['postgres.execute', postgres.execute],
      ['http.request', http.request],
      ['code.run', code.run],
      ...operationsOf('json', createJsonOperations()),
      ...operationsOf('csv', createCsvOperations()),
      ...operationsOf('xml', createXmlOperations()),
    ]),
    checks: new Map<string, CredentialCheck>([
      ['smtp', email.check],
      ['whatsapp', whatsapp.check],
      ['telegram', createTelegramCheck(deps.outbound)],
      ['slack', createSlackCheck(deps.outbound)],
      ['google', createGoogleCheck(deps.outbound)],
      ['openai', createOpenaiCheck(deps.outbound)],
      ['http', createHttpCheck(deps.outbound)],
      ['postgres', postgres.check],
    ]),
    close: async () => {
      await Promise.all([
        email.close(),
        whatsapp.close(),
        telegram.close(),
        slack.close(),
        openai.close(),
        sheets.close(),
        bigQuery.close(),
        http.close(),
      ]);
    },
  };
}

/** For connectors whose operations are called in code as they are in the manifest. */
function operationsOf(
  type: string,
  operations: Readonly<Record<string, Operation>>,
): [string, Operation][] {
  return Object.entries(operations).map(([name, operation]) => [`${type}.${name}`, operation]);
}
