/** n8n's nodes that ask other systems: HTTP, Google Sheets, Postgres, OpenAI. */
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { pathText } from './expression.ts';
import { readJson, withMarks } from './flow-nodes.ts';
import { asList, asObject, asText, at, located } from './n8n-workflow.ts';
import {
  defined,
  type NodeContext,
  type Shape,
  single,
  type TranslatedNode,
  type Translator,
  unsupported,
} from './translation.ts';

/** Characters of the values of a query that are read. */
const MAX_REPLACEMENTS = 5_000;
const OTHER_OPERATION = 'Use an http node with the provider’s API.';

/** Names and values of n8n's lists of parameters. */
function pairs(
  context: NodeContext,
  list: Json | undefined,
  field: string,
): JsonObject | undefined {
  const entries = asList(list).map((entry): [string, Json] => [
    asText(at(entry, 'name')) ?? '',
    context.value(field, at(entry, 'value') ?? '') ?? '',
  ]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** https://docs.n8n.io/integrations/builtin/core-nodes/n8n-nodes-base.httprequest/ */
export const translateHttp: Translator = (context) => {
  const { parameters, node } = context;
  const isOld = node.typeVersion < 3;
  const authentication = asText(parameters.authentication) ?? 'none';
  if (authentication !== 'none') {
    context.report(
      'warning',
      'How it logs in was not carried over.',
      'Store an http credential, and name it in the node.',
      'authentication',
    );
  }
  if (at(parameters, 'options.pagination') !== undefined) {
    context.report(
      'error',
      'It fetched several pages.',
      'Fill in pagination.',
      'options.pagination',
    );
  }
  const part = (name: string): Json | undefined =>
    isOld ? at(parameters, `${name}Ui.parameter`) : at(parameters, `${name}.parameters`);
  const timeout = asText(at(parameters, 'options.timeout'));
  const translated = single(
    context,
    'http',
    defined({
      method: asText(parameters.method ?? parameters.requestMethod) ?? 'GET',
      url: context.text('url') ?? '',
      headers: pairs(context, part('headerParameters'), 'headerParameters'),
      query: pairs(context, part('queryParameters'), 'queryParameters'),
      ...body(context, part('bodyParameters')),
    }),
  );
  if (at(parameters, 'options.response.response.neverError') === true) {
    context.report(
      'warning',
      'It took every status for a success; here 400 and above fail.',
      'List in successStatus what is to count as success, or connect the error output.',
      'options.response',
    );
  }
  const [main] = translated.nodes;
  return timeout === undefined
    ? translated
    : { ...translated, nodes: [{ ...main, timeout: `${timeout}ms` }] };
};

function body(context: NodeContext, list: Json | undefined): JsonObject {
  const { parameters } = context;
  const kind = asText(parameters.contentType) ?? 'json';
  const asked =
    parameters.sendBody === true || list !== undefined || parameters.jsonParameters === true;
  if (!asked) return {};
  const given = asText(parameters.jsonBody ?? parameters.bodyParametersJson);
  if (kind === 'raw') {
    return defined({ body: context.value('body'), bodyType: 'text' });
  }
  if (kind === 'binaryData' || kind === 'multipart-form-data') {
    context.report(
      'error',
      'Its body was made of files.',
      'Fill in body, with bodyType multipart.',
      'body',
    );
    return { body: '{{ n8n["body"] }}' };
  }
  if (given !== undefined && given !== '') {
    if (/^=\s*\{\{[^{}]*\}\}\s*$/.test(given))
      return defined({ body: context.value('jsonBody', given) });
    const read = readJson(given.replace(/^=/, ''));
    if (read !== undefined) return defined({ body: context.value('jsonBody', withMarks(read)) });
    context.report('error', 'Its JSON could not be read.', 'Fill in body.', 'jsonBody');
    return { body: '{{ n8n["jsonBody"] }}' };
  }
  const fields = pairs(context, list, 'bodyParameters');
  return defined({
    body: fields,
    ...(kind === 'form-urlencoded' ? { bodyType: 'form' } : {}),
  });
}

export const httpShape: Shape = {
  json(id, path, parameters) {
    const isFull =
      at(parameters, 'options.response.response.fullResponse') === true ||
      at(parameters, 'options.fullResponse') === true;
    if (!isFull) return { text: pathText(`nodes.${id}.output.body`, path) };
    const [first, ...rest] = path;
    if (first === 'statusCode') return { text: `nodes.${id}.output.status` };
    if (first === 'body' || first === 'headers') {
      return { text: pathText(`nodes.${id}.output.${first}`, rest) };
    }
    return { problem: 'an answer has status, headers and body here' };
  },
  list: (id) => `nodes.${id}.output.body`,
};

/** https://docs.n8n.io/integrations/builtin/app-nodes/n8n-nodes-base.googlesheets/ */
export const translateSheets: Translator = (context) => {
  const { parameters } = context;
  const resource = asText(parameters.resource) ?? 'sheet';
  const operation = asText(parameters.operation) ?? 'read';
  const spreadsheetId = spreadsheet(context);
  const range = sheetRange(context);
  const place = { spreadsheetId, range };
  if (resource === 'sheet' && operation === 'append') {
    return single(context, 'google-sheets', { operation, ...place, values: row(context) });
  }
  if (resource === 'sheet' && (operation === 'appendOrUpdate' || operation === 'update')) {
    const [keyColumn] = asList(at(parameters, 'columns.matchingColumns')).map(asText);
    const values = asObject(
      context.value('columns.value', at(parameters, 'columns.value') ?? null),
    );
    if (keyColumn !== undefined && values !== undefined) {
      const ifMissing = operation === 'update' ? { ifMissing: 'skip' } : {};
      const config = { operation: 'upsert', ...place, keyColumn, values, ...ifMissing };
      return single(context, 'google-sheets', config);
    }
    context.report(
      'error',
      'It took the columns from what came in, or named no column to find the row by.',
      'Fill in keyColumn and values.',
      'columns',
    );
    return single(context, 'google-sheets', { operation: 'upsert', ...place });
  }
  if (resource === 'sheet' && (operation === 'read' || operation === 'lookup')) {
    const filters = asList(at(parameters, 'filtersUI.values'));
    const keyColumn = asText(at(filters[0], 'lookupColumn') ?? parameters.lookupColumn);
    if (keyColumn === undefined)
      return single(context, 'google-sheets', { operation: 'read', ...place });
    const wanted = at(filters[0], 'lookupValue') ?? parameters.lookupValue ?? '';
    const value = context.value('lookupValue', wanted) ?? '';
    context.report(
      'warning',
      'It found every row that has the value; lookup finds one.',
      'If there can be several, read the sheet and choose with the filter where.',
      'filtersUI',
    );
    return single(context, 'google-sheets', { operation: 'lookup', ...place, keyColumn, value });
  }
  return unsupported(
    context,
    `The operation “${resource}.${operation}” has no counterpart.`,
    OTHER_OPERATION,
  );
};

function spreadsheet(context: NodeContext): string {
  const given = located(context.parameters.documentId) ?? context.parameters.sheetId ?? '';
  const id = context.text('documentId', given) ?? '';
  return /\/d\/([A-Za-z0-9_-]+)/.exec(id)?.[1] ?? id;
}

function sheetRange(context: NodeContext): string {
  const { parameters } = context;
  const told = context.text('range');
  if (told !== undefined) return told;
  const name = asText(at(parameters, 'sheetName.cachedResultName'));
  if (name !== undefined) return name;
  const given = context.text('sheetName', located(parameters.sheetName) ?? '') ?? '';
  if (!/^(?:gid=)?\d*$/.test(given)) return given;
  context.report(
    'error',
    'It named the sheet by its number only.',
    'Fill in range with the sheet’s name.',
    'sheetName',
  );
  return '{{ n8n["sheet name"] }}';
}

/** The cells in the order of the columns, as n8n last saw them. */
function row(context: NodeContext): readonly Json[] {
  const { parameters } = context;
  const values = asObject(at(parameters, 'columns.value'));
  const old = asList(at(parameters, 'fieldsUi.fieldValues') ?? at(parameters, 'fieldsUi.values'));
  const columns = asList(at(parameters, 'columns.schema')).flatMap(
    (column) => asText(at(column, 'id')) ?? [],
  );
  const mode = asText(at(parameters, 'columns.mappingMode')) ?? asText(parameters.dataMode);
  if (old.length > 0) {
    context.report(
      'warning',
      'The cells are written in the order of the list, not by the names of the columns.',
      'Check the order, or use upsert, which goes by names.',
      'fieldsUi',
    );
    return old.map((entry) => context.value('fieldsUi', at(entry, 'fieldValue') ?? '') ?? '');
  }
  if (values === undefined || mode === 'autoMapInputData') {
    context.report(
      'error',
      'It took the columns from the names of what came in.',
      'Fill in values: the cells in the order of the columns.',
      'columns',
    );
    return ['{{ n8n["columns"] }}'];
  }
  const names = columns.length === 0 ? Object.keys(values) : columns;
  context.report(
    'warning',
    `The cells are written in the order of the columns (${names.join(', ')}), not by their names.`,
    'Check that the sheet still has this order, or use upsert, which goes by names.',
    'columns',
  );
  return names.map((name) =>
    values[name] === undefined
      ? null
      : (context.value(`columns.value.${name}`, values[name]) ?? null),
  );
}

const isSheetsRead = (parameters: JsonObject): boolean =>
  ['read', 'lookup', undefined].includes(asText(parameters.operation));
const isSheetsLookup = (parameters: JsonObject): boolean =>
  asText(
    at(asList(at(parameters, 'filtersUI.values'))[0], 'lookupColumn') ?? parameters.lookupColumn,
  ) !== undefined;

export const sheetsShape: Shape = {
  json(id, path, parameters) {
    if (!isSheetsRead(parameters))
      return { problem: 'a written row gives nothing of the row here' };
    return isSheetsLookup(parameters)
      ? { text: pathText(`nodes.${id}.output.object`, path) }
      : { problem: 'n8n ran once for each row that was read; here the rows are a list' };
  },
  list: (id, parameters) =>
    isSheetsRead(parameters) && !isSheetsLookup(parameters) ? `nodes.${id}.output.rows` : undefined,
};

export const translatePostgres: Translator = (context) => {
  const { parameters } = context;
  const operation = asText(parameters.operation) ?? 'insert';
  if (operation !== 'executeQuery') {
    return unsupported(
      context,
      `The operation “${operation}” has no counterpart.`,
      'Write it as SQL in a postgres node.',
    );
  }
  const written = asText(parameters.query) ?? '';
  const sql = written.replace(/^=/, '');
  if (/\{\{/.test(sql)) {
    context.report(
      'error',
      'Expressions stand inside the SQL, where values could change the statement.',
      'Write $1, $2, … in their places, and the values into parameters.',
      'query',
    );
  }
  const given = asText(at(parameters, 'options.queryReplacement'));
  const replacements = given?.startsWith('=') === true ? given.slice(1) : given;
  const values = (replacements ?? '')
    .slice(0, MAX_REPLACEMENTS)
    .split(/,(?![^{]*\}\})/)
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(
      (text) =>
        context.value('options.queryReplacement', text.includes('{{') ? `=${text}` : text) ?? '',
    );
  if (/\{\{/.test(sql)) values.push('{{ n8n["values of the statement"] }}');
  const isRead = /^\s*(?:select|with|values|show)\b/i.test(sql);
  return single(
    context,
    'postgres',
    defined({
      operation: isRead ? 'query' : 'execute',
      sql,
      parameters: values.length === 0 ? undefined : values,
    }),
  );
};

export const postgresShape: Shape = {
  json: (_id, path) => ({
    problem:
      path.length === 0
        ? 'the rows of a query are a list here'
        : 'n8n ran once for each row of the query; here the rows are a list',
  }),
  list: (id) => `nodes.${id}.output.rows`,
};

/** Both of n8n's OpenAI nodes. */
export const translateOpenai: Translator = (context): TranslatedNode => {
  const { parameters } = context;
  const resource = asText(parameters.resource) ?? 'text';
  const operation = asText(parameters.operation) ?? 'message';
  if (
    !['chat', 'text'].includes(resource) ||
    !['message', 'complete', 'response'].includes(operation)
  ) {
    return unsupported(
      context,
      `The operation “${resource}.${operation}” has no counterpart.`,
      OTHER_OPERATION,
    );
  }
  const model =
    located(parameters.modelId) ?? parameters.chatModel ?? parameters.model ?? 'gpt-4o-mini';
  const listed = asList(
    at(parameters, 'messages.values') ??
      at(parameters, 'responses.values') ??
      at(parameters, 'prompt.messages'),
  );
  const messages = listed.map((entry) => ({
    role: asText(at(entry, 'role')) ?? 'user',
    content: context.text('messages', at(entry, 'content') ?? '') ?? '',
  }));
  const prompt = messages.length === 0 ? (context.text('prompt') ?? '') : undefined;
  if (parameters.jsonOutput === true) {
    context.report(
      'warning',
      'It asked for JSON; here a schema says which.',
      'Fill in schema, and use output.data.',
      'jsonOutput',
    );
  }
  return single(
    context,
    'openai',
    defined({
      operation: 'chat',
      model: context.text('modelId', model) ?? '',
      prompt,
      messages: messages.length === 0 ? undefined : messages,
      temperature: context.value('options.temperature'),
      maxTokens: context.value('options.maxTokens'),
    }),
  );
};

export const openaiShape: Shape = {
  json(id, path) {
    const isText =
      /^(?:message\.content|text|choices\.0\.message\.content|output\.0\.content\.0\.text)$/;
    return isText.test(path.join('.'))
      ? { text: `nodes.${id}.output.text` }
      : { problem: 'an answer stands under output.text, or output.data with a schema' };
  },
};
