/** n8n's nodes for data and flow: set, code, wait, answer, fail, other workflows. */
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { pathText } from './expression.ts';
import { asList, asObject, asText, at, located } from './n8n-workflow.ts';
import { defined, passing, type Shape, single, type Translator } from './translation.ts';

interface Assignment {
  readonly name: string;
  readonly value: Json;
  readonly field: string;
  readonly isNumber: boolean;
}

/** The values that a Set node names, in the forms of all versions. */
function assignments(parameters: JsonObject): readonly Assignment[] {
  const listed = asList(at(parameters, 'assignments.assignments'));
  if (listed.length > 0) {
    return listed.map((entry, index) => ({
      name: asText(at(entry, 'name')) ?? '',
      value: at(entry, 'value') ?? null,
      field: `assignments.assignments[${index}]`,
      isNumber: at(entry, 'type') === 'number',
    }));
  }
  const fields = asList(at(parameters, 'fields.values'));
  if (fields.length > 0) {
    return fields.map((entry, index) => {
      const type = asText(at(entry, 'type')) ?? 'stringValue';
      const value = at(entry, type) ?? null;
      const field = `fields.values[${index}]`;
      return {
        name: asText(at(entry, 'name')) ?? '',
        value,
        field,
        isNumber: type === 'numberValue',
      };
    });
  }
  return Object.entries(asObject(parameters.values) ?? {}).flatMap(([type, entries]) =>
    asList(entries).map((entry, index) => ({
      name: asText(at(entry, 'name')) ?? '',
      value: at(entry, 'value') ?? null,
      field: `values.${type}[${index}]`,
      isNumber: type === 'number',
    })),
  );
}

/** True if what came in is still there besides what the node names. */
function keepsOthers(parameters: JsonObject): boolean {
  if ('assignments' in parameters || 'fields' in parameters) {
    if (parameters.includeOtherFields === true) return true;
    return 'include' in parameters && parameters.include !== 'none' && 'fields' in parameters;
  }
  return parameters.keepOnlySet !== true;
}

export const setShape: Shape = {
  json(id, path, parameters) {
    const [first] = path;
    if (first === undefined && !keepsOthers(parameters)) return { text: `nodes.${id}.output` };
    const isNamed = assignments(parameters).some(({ name }) => name.split('.')[0] === first);
    if (isNamed || parameters.mode === 'raw') return { text: pathText(`nodes.${id}.output`, path) };
    if (first !== undefined && keepsOthers(parameters)) return 'incoming';
    return { problem: 'the node before names no such value' };
  },
};

export const translateSet: Translator = (context) => {
  const { parameters } = context;
  if (parameters.mode === 'raw') return rawSet(context);
  const values: Record<string, Json> = {};
  for (const { name, value, field, isNumber } of assignments(parameters)) {
    const translated = context.value(field, value) ?? null;
    const isDigits = typeof translated === 'string' && /^-?\d+(\.\d+)?$/.test(translated);
    assign(values, name.split('.'), isNumber && isDigits ? Number(translated) : translated);
  }
  return single(context, 'set', { values });
};

const rawSet: Translator = (context) => {
  const text = asText(context.parameters.jsonOutput) ?? '{}';
  const values = readJson(text.replace(/^=/, ''));
  if (asObject(values) !== undefined) {
    return single(context, 'set', { values: context.value('jsonOutput', withMarks(values)) ?? {} });
  }
  context.report(
    'error',
    'Its JSON could not be read with the expressions in it.',
    'Enter the values one by one.',
    'jsonOutput',
  );
  return single(context, 'set', { values: { value: '{{ n8n["jsonOutput"] }}' } });
};

/** n8n reads a dot in a name as a step into an object. */
function assign(target: Record<string, Json>, path: readonly string[], value: Json): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = { ...asObject(target[first]) };
  assign(inner, rest, value);
  target[first] = inner;
}

/** JSON with expressions in it, whether they stand in quotes or not; undefined if it isn't that. */
export function readJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(quoteExpressions(text));
    return value;
  } catch {
    return undefined;
  }
}

/** Puts expressions that stand outside of texts into quotes. */
function quoteExpressions(json: string): string {
  let result = '';
  let position = 0;
  while (position < json.length) {
    const text = json.indexOf('"', position);
    const expression = json.indexOf('{{', position);
    if (expression < 0 || (text >= 0 && text < expression)) {
      if (text < 0) break;
      let end = text + 1;
      while (end < json.length && json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
      result += json.slice(position, end + 1);
      position = end + 1;
      continue;
    }
    const end = json.indexOf('}}', expression);
    if (end < 0) break;
    result += json.slice(position, expression) + JSON.stringify(json.slice(expression, end + 2));
    position = end + 2;
  }
  return result + json.slice(position);
}

/** Texts of such JSON are templates without n8n's mark in front. */
export function withMarks(value: Json | undefined): Json {
  if (typeof value === 'string') return value.includes('{{') ? `=${value}` : value;
  if (Array.isArray(value)) return value.map((item: Json) => withMarks(item));
  const object = asObject(value);
  if (object === undefined) return value ?? null;
  return Object.fromEntries(Object.entries(object).map(([key, entry]) => [key, withMarks(entry)]));
}

/**
 * The program runs as it is, with n8n's names for what comes in, as one item, in front of it.
 * https://docs.n8n.io/code/builtin/overview/
 */
export const translateCode: Translator = (context) => {
  const { parameters } = context;
  if (asText(parameters.language) === 'python' || asText(parameters.language) === 'pythonNative') {
    context.report('error', 'It is written in Python.', 'Write it in JavaScript.', 'language');
    return single(context, 'code', { code: 'throw new Error("This step was Python in n8n.");' });
  }
  const program = asText(parameters.jsCode ?? parameters.functionCode) ?? 'return items;';
  const incoming = context.incoming();
  const source = 'text' in incoming ? scopePath(incoming.text) : undefined;
  const severity = /\$(?!json\b|input\b|now\b)[a-zA-Z(]|\brequire\(|\bthis\.|\.helpers\b/.test(
    program,
  )
    ? 'error'
    : 'warning';
  context.report(
    severity,
    severity === 'error'
      ? 'The program uses names of n8n ($(…), $node, this, require, …) that aren’t there.'
      : 'The program is run once, with what comes in as its only item ($json, items, $input).',
    'Look it through: `input` has lead, trigger and nodes. Test it by itself.',
    'jsCode',
  );
  if (source === undefined) {
    context.report(
      'error',
      'It isn’t certain what comes in.',
      'Set `$json` in the first line of the program.',
      'jsCode',
    );
  }
  const code = [
    `const $json = ${source ?? 'undefined'};`,
    'const item = { json: $json }, items = [item], now = new Date();',
    'const $input = { item, all: () => items, first: () => item, last: () => item };',
    'const result = await (async () => {',
    program,
    '})();',
    'const given = [result].flat().map((entry) => entry?.json ?? entry);',
    'return given.length === 1 ? given[0] : given;',
  ].join('\n');
  return single(context, 'code', { code });
};

/** A path of an expression as JavaScript: `nodes.a.output` is `input.nodes.a.output`. */
function scopePath(text: string): string | undefined {
  return /^[\w.[\]"']+$/.test(text) ? `input.${text}` : undefined;
}

export const codeShape: Shape = {
  json: (id, path) => ({ text: pathText(`nodes.${id}.output`, path) }),
};

export const translateWait: Translator = (context) => {
  const { parameters } = context;
  const resume = asText(parameters.resume) ?? 'timeInterval';
  if (resume === 'specificTime') {
    const until = context.text('dateTime') ?? '';
    return single(context, 'wait', defined({ until, timezone: context.timezone }));
  }
  if (resume === 'timeInterval') {
    const unit = asText(parameters.unit) ?? 'hours';
    const letter = { seconds: 's', minutes: 'm', hours: 'h', days: 'd' }[unit] ?? 'h';
    return single(context, 'wait', { for: `${context.text('amount') ?? '1'}${letter}` });
  }
  context.report(
    'warning',
    'It waited for a call to an address of its own; here it waits for an event.',
    'Let the caller send POST /api/executions/{executionId}/signals/resume instead.',
    'resume',
  );
  return single(context, 'wait', { event: 'resume' });
};

export const translateRespond: Translator = (context) => {
  const { parameters } = context;
  const status = Number(asText(at(parameters, 'options.responseCode')) ?? 200);
  const headers = Object.fromEntries(
    asList(at(parameters, 'options.responseHeaders.entries')).map((entry) => [
      asText(at(entry, 'name')) ?? '',
      context.text('options.responseHeaders', at(entry, 'value') ?? '') ?? '',
    ]),
  );
  const withHeaders = Object.keys(headers).length === 0 ? {} : { headers };
  const respondWith = asText(parameters.respondWith) ?? 'firstIncomingItem';
  switch (respondWith) {
    case 'noData':
      return single(context, 'respond', { status, ...withHeaders });
    case 'text':
      return single(
        context,
        'respond',
        defined({ status, body: context.value('responseBody'), ...withHeaders }),
      );
    case 'json': {
      const text = asText(parameters.responseBody) ?? '{}';
      const body = text.startsWith('={{')
        ? text
        : withMarks(readJson(text.replace(/^=/, '')) ?? text);
      return single(
        context,
        'respond',
        defined({ status, body: context.value('responseBody', body), ...withHeaders }),
      );
    }
    case 'redirect': {
      const location = context.text('redirectURL') ?? '';
      return single(context, 'respond', {
        status: status === 200 ? 307 : status,
        headers: { ...headers, location },
      });
    }
    case 'firstIncomingItem': {
      const incoming = context.incoming();
      if ('text' in incoming) {
        return single(context, 'respond', {
          status,
          body: `{{ ${incoming.text} }}`,
          ...withHeaders,
        });
      }
      context.report(
        'error',
        `What it answered isn’t certain: ${incoming.problem}.`,
        'Set its body.',
      );
      return single(context, 'respond', {
        status,
        body: '{{ n8n["first item"] }}',
        ...withHeaders,
      });
    }
    default:
      context.report(
        'error',
        `It answered in a way that has no counterpart (${respondWith}).`,
        'Set its body.',
        'respondWith',
      );
      return single(context, 'respond', { status, body: '{{ n8n["response"] }}', ...withHeaders });
  }
};

export const translateFail: Translator = (context) => {
  const message =
    context.text('errorMessage') ?? context.text('errorObject') ?? 'Stopped by the workflow.';
  return {
    nodes: [{ id: context.id, type: 'fail', config: { message } }],
    leaving: () => undefined,
  };
};

export const translateSubworkflow: Translator = (context) => {
  const { parameters } = context;
  const reference = parameters.workflowId ?? null;
  const name = asText(at(reference, 'cachedResultName')) ?? asText(located(reference)) ?? '';
  const workflowId = slug(name) || 'other-workflow';
  context.report(
    'warning',
    `It runs another workflow (“${name}”), which is known here by the id “${workflowId}”.`,
    'Import that workflow too, under this id, and publish it first.',
    'workflowId',
  );
  const inputs = context.value(
    'workflowInputs.value',
    at(parameters, 'workflowInputs.value') ?? null,
  );
  const incoming = context.incoming();
  const input =
    asObject(inputs ?? null) ??
    ('text' in incoming ? { item: `{{ ${incoming.text} }}` } : undefined);
  if (inputs === null && input !== undefined) {
    context.report(
      'warning',
      'What came in is passed as `input.item`; n8n passed it as the first item.',
      'Name in the node’s input what the other workflow needs.',
      'workflowInputs',
    );
  }
  const wait = at(parameters, 'options.waitForSubWorkflow') !== false;
  return single(context, 'subworkflow', defined({ workflowId, input, wait }));
};

export const subworkflowShape: Shape = {
  json: () => ({
    problem: 'another workflow’s result stands under output.result, by the ids of its last nodes',
  }),
};

export const translateMerge: Translator = (context) => {
  const mode = asText(context.parameters.mode) ?? 'append';
  if (mode !== 'chooseBranch' && mode !== 'wait') {
    context.report(
      'warning',
      'It put the items of its inputs together; here it only waits for both ways.',
      'Name the results of the nodes before it directly (nodes.<id>.output).',
      'mode',
    );
  }
  return passing(context);
};

export function slug(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60);
}
