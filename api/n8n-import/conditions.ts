/** IF, Filter and Switch. */
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { asList, asObject, asText, at } from './n8n-workflow.ts';
import {
  defined,
  type NodeContext,
  type NodeInput,
  type TranslatedNode,
  type Translator,
} from './translation.ts';

/** n8n's operations, of all its versions, that mean the same here. */
const OPERATORS: Readonly<Record<string, string>> = {
  equal: 'eq',
  equals: 'eq',
  notEqual: 'ne',
  notEquals: 'ne',
  contains: 'contains',
  notContains: 'notContains',
  startsWith: 'startsWith',
  endsWith: 'endsWith',
  larger: 'gt',
  largerEqual: 'gte',
  smaller: 'lt',
  smallerEqual: 'lte',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
  after: 'gt',
  afterOrEquals: 'gte',
  before: 'lt',
  beforeOrEquals: 'lte',
  regex: 'matches',
};

interface Comparison {
  readonly left: Json | undefined;
  readonly operation: string;
  readonly right: Json | undefined;
  readonly type: string;
}

/** @param field where the comparison stands, for the report */
function toCondition(context: NodeContext, field: string, comparison: Comparison): JsonObject {
  const { operation, type } = comparison;
  const left = context.value(field, comparison.left ?? '') ?? '';
  const right = context.value(field, comparison.right ?? '') ?? '';
  switch (operation) {
    case 'true':
      return { left, operator: 'eq', right: true };
    case 'false':
      return { left, operator: 'eq', right: false };
    case 'exists':
      return { left: orNothing(left, 'nil'), operator: 'exists' };
    case 'notExists':
      return { left: orNothing(left, 'nil'), operator: 'eq', right: null };
    case 'empty':
    case 'isEmpty':
      return { left: orNothing(left, '""'), operator: 'empty' };
    case 'notEmpty':
    case 'isNotEmpty':
      return { left: orNothing(left, '""'), operator: 'ne', right: '' };
  }
  const operator = OPERATORS[operation];
  if (operator !== undefined) {
    const isNumber =
      type === 'number' && typeof right === 'string' && /^-?\d+(\.\d+)?$/.test(right);
    return { left, operator, right: isNumber ? Number(right) : right };
  }
  context.report(
    'error',
    `The comparison “${operation}” has no counterpart.`,
    'Write the condition with another operator, or decide in a code node.',
    field,
  );
  return { left: `{{ n8n["${operation}"] }}`, operator: 'eq', right };
}

/** A missing value is no error in these comparisons. */
function orNothing(value: Json, fallback: string): Json {
  if (typeof value !== 'string') return value;
  return value.replace(/^\{\{ (.*) \}\}$/, `{{ $1 | default: ${fallback} }}`);
}

/** The conditions of IF, Filter and Switch, in the forms of all versions. */
function readConditions(
  context: NodeContext,
  conditions: Json | undefined,
  field: string,
): JsonObject {
  const listed = asList(at(conditions, 'conditions'));
  const all: JsonObject[] =
    listed.length > 0
      ? listed.map((entry, index) =>
          toCondition(context, `${field}.conditions[${index}]`, {
            left: at(entry, 'leftValue'),
            operation: asText(at(entry, 'operator.operation')) ?? 'equals',
            right: at(entry, 'rightValue'),
            type: asText(at(entry, 'operator.type')) ?? 'string',
          }),
        )
      : Object.entries(asObject(conditions) ?? {}).flatMap(([type, entries]) =>
          asList(entries).map((entry, index) =>
            toCondition(context, `${field}.${type}[${index}]`, {
              left: at(entry, 'value1'),
              operation:
                asText(at(entry, 'operation')) ?? (type === 'number' ? 'smaller' : 'equal'),
              right: at(entry, 'value2'),
              type,
            }),
          ),
        );
  if (at(conditions, 'options.caseSensitive') === false) {
    context.report(
      'warning',
      'It compared texts whatever their case; here case counts.',
      'Put both sides through the filter downcase.',
      field,
    );
  }
  const [first] = all;
  if (first === undefined) return { left: true, operator: 'eq', right: true };
  if (all.length === 1) return first;
  const combinator =
    asText(at(conditions, 'combinator')) ?? asText(context.parameters.combineOperation) ?? 'and';
  return combinator === 'or' || combinator === 'any' ? { any: all } : { all };
}

export const translateIf: Translator = (context) => {
  const { id } = context;
  const config = readConditions(context, context.parameters.conditions, 'conditions');
  return {
    nodes: [{ id, type: 'condition', config }],
    leaving: (output) => ({ from: id, output: output === 0 ? 'true' : 'false' }),
  };
};

export const translateFilter: Translator = (context) => {
  const { id } = context;
  const config = readConditions(context, context.parameters.conditions, 'conditions');
  return {
    nodes: [{ id, type: 'condition', config }],
    leaving: (output) => (output === 0 ? { from: id, output: 'true' } : undefined),
  };
};

interface Rule {
  readonly condition: JsonObject;
  readonly output: number;
}

/** As many condition nodes as rules, each asked where the one before said no. */
export const translateSwitch: Translator = (context) => {
  const { parameters, id } = context;
  if (parameters.mode === 'expression') {
    const value = context.value('output', parameters.output ?? 0) ?? 0;
    const count = Number(asText(parameters.numberOutputs ?? parameters.outputsAmount) ?? 4);
    const cases = Array.from({ length: count }, (_, index) => ({
      equals: index,
      output: String(index),
    }));
    return {
      nodes: [{ id, type: 'switch', config: { value, cases } }],
      leaving: (output) => ({ from: id, output: String(output) }),
    };
  }
  const listed = asList(at(parameters, 'rules.values'));
  const rules: readonly Rule[] =
    listed.length > 0
      ? listed.map((rule, output) => ({
          condition: readConditions(context, at(rule, 'conditions'), `rules.values[${output}]`),
          output,
        }))
      : asList(at(parameters, 'rules.rules')).map((rule, index) => ({
          condition: toCondition(context, `rules.rules[${index}]`, {
            left: parameters.value1,
            operation: asText(at(rule, 'operation')) ?? 'equal',
            right: at(rule, 'value2'),
            type: asText(parameters.dataType) ?? 'number',
          }),
          output: Number(asText(at(rule, 'output')) ?? index),
        }));
  if (at(parameters, 'options.allMatchingOutputs') === true) {
    context.report(
      'error',
      'It went on through every output whose rule held; here only the first one is taken.',
      'Use one condition node for each rule, side by side.',
      'options.allMatchingOutputs',
    );
  }
  return toSwitch(context, rules) ?? toChain(id, rules, fallbackOutput(parameters, rules.length));
};

function fallbackOutput(parameters: JsonObject, rules: number): number | undefined {
  const told = asText(at(parameters, 'options.fallbackOutput') ?? parameters.fallbackOutput);
  if (told === 'extra') return rules;
  return told === undefined || told === 'none' || told === '-1' ? undefined : Number(told);
}

/** One switch node, where every rule asks whether the same value equals another text or number. */
function toSwitch(context: NodeContext, rules: readonly Rule[]): TranslatedNode | undefined {
  const [first] = rules;
  if (first === undefined) return undefined;
  const left = JSON.stringify(first.condition.left);
  const isSimple = rules.every(
    ({ condition, output }, index) =>
      condition.operator === 'eq' &&
      JSON.stringify(condition.left) === left &&
      rules.findIndex((rule) => rule.output === output) === index,
  );
  if (!isSimple) return undefined;
  const { id, parameters } = context;
  const cases = rules.map(({ condition, output }) =>
    defined({ equals: condition.right ?? null, output: `case ${output}` }),
  );
  const fallback = fallbackOutput(parameters, rules.length);
  return {
    nodes: [{ id, type: 'switch', config: { value: first.condition.left ?? null, cases } }],
    leaving: (output) => {
      if (rules.some((rule) => rule.output === output))
        return { from: id, output: `case ${output}` };
      return output === fallback ? { from: id, output: 'default' } : undefined;
    },
  };
}

function toChain(id: string, rules: readonly Rule[], fallback: number | undefined): TranslatedNode {
  const nodes = rules.map(
    ({ condition }, index): NodeInput => ({
      id: index === 0 ? id : `${id}_${index + 1}`,
      type: 'condition',
      config: condition,
    }),
  );
  const [first = { id, type: 'set', config: { values: {} } }, ...rest] = nodes;
  return {
    nodes: [first, ...rest],
    connections: rest.map((node, index) => ({
      from: nodes[index]?.id ?? id,
      output: 'false',
      to: node.id,
    })),
    leaving: (output) => {
      const index = rules.findIndex((rule) => rule.output === output);
      const from = nodes[index]?.id;
      if (from !== undefined) return { from, output: 'true' };
      const last = nodes.at(-1)?.id;
      return output === fallback && last !== undefined
        ? { from: last, output: 'false' }
        : undefined;
    },
  };
}
