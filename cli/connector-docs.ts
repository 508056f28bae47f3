/**
 * The connectors' documentation, made from their manifests: one page each and an index, under
 * docs/connectors/. Written and compared by drift.ts.
 */
import type {
  ConnectorManifest,
  CredentialManifest,
  IdempotencyClass,
  JsonObject,
  OperationManifest,
} from '../connectors/contract.ts';
import type { ConnectorErrorCode } from '../connectors/errors.ts';
import { type FieldRow, schemaVariants } from './schema-rows.ts';

/** Folder of the pages, from the project's root. */
export const CONNECTOR_DOCS = 'docs/connectors';

export interface DocumentationPage {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

const NOTE =
  '<!-- Made from the connectors’ manifests by `npm run drift -- --write`. Changes here are lost. -->';

const IDEMPOTENCY: Readonly<Record<IdempotencyClass, string>> = {
  read: 'It changes nothing, so it is simply done again.',
  'native-key':
    'It is sent again with the same key, by which the receiver recognises it: nothing happens twice.',
  queryable:
    'Masar looks first whether the interrupted attempt took effect, and acts only if it did not.',
  blind:
    'Nobody can tell whether the interrupted attempt took effect, so it is not repeated by itself: the node is `unknown` until a person, or the node’s `onUnknown`, decides. Errors that prove that nothing happened are retried all the same.',
};

const ERRORS: Readonly<Record<ConnectorErrorCode, string>> = {
  invalid_config: 'The node’s configuration, once its expressions are filled in, isn’t right.',
  credential_missing: 'The node needs a credential and names none, or one that there isn’t.',
  credential_rejected: 'The provider refused the credential: it is wrong, expired or revoked.',
  permission_denied: 'The credential is right, but may not do this.',
  not_found: 'What the node refers to doesn’t exist at the provider.',
  rejected: 'The provider refused the request for what it says.',
  window_closed:
    'The receiver hasn’t written lately, so only an approved template may be sent (WhatsApp’s 24 hours).',
  recipient_blocked: 'The receiver has blocked the sender.',
  undeliverable: 'The provider can’t deliver to this receiver.',
  rate_limited: 'Too many requests. The node waits as long as the provider asks, and tries again.',
  unavailable: 'The provider can’t be reached or is failing. The node tries again.',
  timeout: 'No answer in time.',
  invalid_response: 'The provider’s answer isn’t of a known form.',
  blocked_destination: 'The address may not be reached from here (an inner network).',
  too_large: 'A request, an answer or a file is larger than the limit.',
  code_error: 'The custom code threw an error, or can’t be read as JavaScript.',
  code_limit: 'The custom code used up its time or memory, or returned too much.',
  cancelled: 'The execution was cancelled.',
};

/** Every page, for whatever connectors there are. */
export function connectorPages(
  manifests: readonly ConnectorManifest[],
): readonly DocumentationPage[] {
  return [
    { path: `${CONNECTOR_DOCS}/README.md`, text: indexPage(manifests) },
    ...manifests.map((manifest) => ({
      path: `${CONNECTOR_DOCS}/${manifest.type}.md`,
      text: connectorPage(manifest),
    })),
  ];
}

function indexPage(manifests: readonly ConnectorManifest[]): string {
  return page([
    NOTE,
    '# Connectors',
    'A node whose `type` is one of these calls its operation. `operation` is the first one where it is left out. Fields may hold [expressions](../expressions.md). Every node has the outputs `success` and `error`. `GET /api/connectors` answers the same with JSON Schemas.',
    table(
      ['type', 'does', 'operations'],
      manifests.map((manifest) => [
        `[\`${manifest.type}\`](${manifest.type}.md)`,
        manifest.description,
        manifest.operations.map(({ name }) => `\`${name}\``).join(', '),
      ]),
    ),
    '## Errors',
    'A node’s error has one of these codes, and a message that says what happened and what to do. What proves that nothing happened is retried, unless it would fail again.',
    table(
      ['code', 'means'],
      Object.entries(ERRORS).map(([code, meaning]) => [`\`${code}\``, meaning]),
    ),
  ]);
}

function connectorPage(manifest: ConnectorManifest): string {
  return page([
    NOTE,
    `# ${manifest.title}`,
    manifest.description,
    ...credentialSection(manifest.credential, manifest.credentialOptional === true),
    ...manifest.operations.flatMap((operation, index) =>
      operationSection(manifest, operation, index === 0),
    ),
    '[All connectors, and the errors](README.md)',
  ]);
}

function credentialSection(credential: CredentialManifest | null, isOptional: boolean): string[] {
  if (credential === null) return ['It needs no credential.'];
  const variants = schemaVariants(credential.schema, 'input');
  const needs = isOptional ? 'It works without a credential, or with one' : 'It needs a credential';
  const environment =
    credential.fromEnvironment === undefined
      ? ''
      : ' Where a node names none, the one of the environment is used ([.env.example](../../.env.example)).';
  return [
    '## Credential',
    `${needs} of type \`${credential.type}\` (${credential.title}), stored with \`POST /api/credentials\`.${environment}`,
    ...variants.flatMap(({ description, rows }) => [description, fieldTable(rows)]),
  ];
}

function operationSection(
  manifest: ConnectorManifest,
  operation: OperationManifest,
  isDefault: boolean,
): string[] {
  const raw = operation.rawFields ?? [];
  const inputs = schemaVariants(operation.input, 'input').map((variant) => ({
    ...variant,
    // The engine adds it; nobody writes it.
    rows: variant.rows.filter(
      ({ name }) => !(operation.receivesScope === true && /^input(?:\.|$)/.test(name)),
    ),
  }));
  const outputs = schemaVariants(operation.output, 'output');
  return [
    `## ${operation.title} (\`${operation.name}\`)`,
    operation.description,
    ...inputs.flatMap(({ description, rows }) => [description, fieldTable(rows)]),
    ...(raw.length === 0
      ? []
      : [`Expressions are not rendered in ${raw.map((name) => `\`${name}\``).join(', ')}.`]),
    '**Output**',
    ...outputs.flatMap(({ description, type, rows }) =>
      rows.length === 0
        ? [`${sentence(type)}${description === '' ? '' : `: ${description}`}.`]
        : [description, outputTable(rows)],
    ),
    `**If an attempt is interrupted** (\`${operation.idempotency}\`). ${IDEMPOTENCY[operation.idempotency]}`,
    `**Time limit** of one attempt: ${operation.timeoutMs / 1000} s, unless the node’s \`timeout\` says another${operation.timeoutField === undefined ? '' : `; the \`${operation.timeoutField}\` of the config comes on top`}.`,
    '**Example**',
    `\`\`\`json\n${JSON.stringify(exampleNode(manifest, operation, isDefault), null, 2)}\n\`\`\``,
  ];
}

function exampleNode(
  manifest: ConnectorManifest,
  operation: OperationManifest,
  isDefault: boolean,
): JsonObject {
  const { credential } = manifest;
  return {
    id: `my-${operation.name.toLowerCase()}`,
    type: manifest.type,
    ...(credential === null || manifest.credentialOptional === true
      ? {}
      : { credential: `my-${credential.type}` }),
    config: { ...(isDefault ? {} : { operation: operation.name }), ...operation.sample },
  };
}

function fieldTable(rows: readonly FieldRow[]): string {
  if (rows.length === 0) return '';
  return table(
    ['field', 'type', 'required', 'what it is'],
    rows.map(({ name, type, required, description, byDefault }) => [
      `\`${name}\``,
      type,
      required ? 'yes' : '',
      [
        ...(description === '' ? [] : [description]),
        ...(byDefault === undefined ? [] : [`Default: \`${byDefault}\``]),
      ].join(/[.!?]$/.test(description) ? ' ' : '. '),
    ]),
  );
}

function outputTable(rows: readonly FieldRow[]): string {
  return table(
    ['field', 'type', 'what it is'],
    rows.map(({ name, type, required, description }) => [
      `\`${name}\``,
      required ? type : `${type}, not always there`,
      description,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
