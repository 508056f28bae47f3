import { bigQueryManifest } from './bigquery/manifest.ts';
import { codeManifest } from './code/manifest.ts';
import type { ConnectorManifest } from './contract.ts';
import { csvManifest } from './csv/manifest.ts';
import { emailManifest } from './email/manifest.ts';
import { googleSheetsManifest } from './google-sheets/manifest.ts';
import { httpManifest } from './http/manifest.ts';
import { jsonManifest } from './json/manifest.ts';
import { openaiManifest } from './openai/manifest.ts';
import { postgresManifest } from './postgres/manifest.ts';
import { slackManifest } from './slack/manifest.ts';
import { telegramManifest } from './telegram/manifest.ts';
import { whatsappManifest } from './whatsapp/manifest.ts';
import { xmlManifest } from './xml/manifest.ts';

/** Every connector, in the order in which builders list them. Manifests only: importing this does no IO. */
export const CONNECTOR_MANIFESTS: readonly ConnectorManifest[] = [
  emailManifest,
  whatsappManifest,
  telegramManifest,
  slackManifest,
  googleSheetsManifest,
  bigQueryManifest,
  postgresManifest,
  httpManifest,
  openaiManifest,
  codeManifest,
  jsonManifest,
  csvManifest,
  xmlManifest,
];
