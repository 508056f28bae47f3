/**
 * Definitions as files, in JSON or YAML: written with keys in a fixed order, so that a change of
 * one field is a change of one line; read with the line of what is wrong. Pure.
 */
import { LineCounter, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { type Definition, nodeSchema } from './definition.ts';

export const TEXT_FORMATS = ['json', 'yaml'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** A place in a text, both from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export interface TextProblem extends TextPlace {
  readonly message: string;
}

/**
 * An alias may be resolved so often; more serves only to exhaust memory ("billion laughs").
 * https://eemeli.org/yaml/#tojs-options
 */
const MAX_ALIASES = 100;
const MAX_DEPTH = 100;
const TOO_DEEP = 'It is nested too deeply to be read.';

const NODE_KEYS = Object.keys(nodeSchema.shape);
const CONNECTION_KEYS = ['from', 'output', 'to'];

/** Writes a definition; the same definition always gives the same text. */
export function writeDefinition(definition: Definition, format: TextFormat): string {
  const ordered = orderDefinition(definition);
  return format === 'json'
    ? `${JSON.stringify(ordered, null, 2)}\n`
    : stringify(ordered, {
        lineWidth: 0,
        aliasDuplicateObjects: false,
        // Quotes what older readers of YAML take for something else, such as yes and 012.
        compat: 'yaml-1.1',
      });
}

/** A definition with its keys in the order in which people write them; nothing is added. */
export function orderDefinition(definition: Definition): Readonly<Record<string, unknown>> {
  const { workflowId, name, description, nodes, connections, triggers, settings } = definition;
  return {
    workflowId,
    name,
    ...(description === undefined ? {} : { description }),
    nodes: nodes.map(orderNode),
    connections: connections.map((connection) => sortKeys(connection, CONNECTION_KEYS)),
    triggers: triggers.map((trigger) => sortKeys(trigger, ['type'])),
    settings: sortKeys(settings),
  };
}

/** A node of any level; what isn’t of a node’s form (a draft may have that) is put in order all the same. */
function orderNode(node: unknown): unknown {
  if (!isObject(node)) return sortKeys(node);
  return mapEntries(node, NODE_KEYS, (key, value) =>
    key === 'config' && node.type === 'forEach' && isObject(value)
      ? mapEntries(value, [], (field, entry) =>
          field === 'body' && isObject(entry) ? orderBody(entry) : sortKeys(entry),
        )
      : sortKeys(value),
  );
}

function orderBody(body: Readonly<Record<string, unknown>>): unknown {
  return mapEntries(body, ['nodes', 'connections'], (key, value) => {
    if (!Array.isArray(value)) return sortKeys(value);
    return value.map((item: unknown) =>
      key === 'nodes' ? orderNode(item) : sortKeys(item, CONNECTION_KEYS),
    );
  });
}

function sortKeys(value: unknown, first: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => sortKeys(item));
  if (!isObject(value)) return value;
  return mapEntries(value, first, (_key, entry) => sortKeys(entry));
}

/** Entries with the given keys first, in their order, then the others by name. */
function mapEntries(
  value: Readonly<Record<string, unknown>>,
  first: readonly string[],
  map: (key: string, entry: unknown) => unknown,
): Record<string, unknown> {
  const rank = (key: string): number => {
    const index = first.indexOf(key);
    return index < 0 ? first.length : index;
  };
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map(([key, entry]) => [key, map(key, entry)]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export type YamlReading =
  | {
      readonly value: unknown;
      /** @returns where the value of a JSON path stands, or the nearest that is there */
      placeOf(path: readonly string[]): TextPlace | undefined;
    }
  | { readonly problems: readonly TextProblem[] };

/**
 * Reads YAML 1.2 (JSON is part of it) into what JSON can say: no tags, no repeated keys, aliases up
 * to a limit. Never throws.
 */
export function readYaml(text: string): YamlReading {
  const lines = new LineCounter();
  const at = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      schema: 'core',
      version: '1.2',
      merge: false,
    });
    const problems = [...document.errors, ...document.warnings].map((problem) => ({
      ...at(problem.pos[0]),
      message: explain(problem.code, problem.message),
    }));
    if (problems.length > 0) return { problems };
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    const unsayable = findUnsayable(value);
    if (unsayable !== undefined) return { problems: [{ line: 1, column: 1, message: unsayable }] };
    return {
      value,
      placeOf: (path) => {
        for (let length = path.length; length > 0; length -= 1) {
          const node: unknown = document.getIn(path.slice(0, length).map(toStep), true);
          const range = rangeSchema.safeParse(node);
          if (range.success) return at(range.data.range[0]);
        }
        return undefined;
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    const message = /alias/i.test(reason)
      ? `Its aliases (*name) repeat more than ${MAX_ALIASES} things. Write them out instead.`
      : TOO_DEEP;
    return { problems: [{ line: 1, column: 1, message }] };
  }
}

const rangeSchema = z.looseObject({
  range: z.tuple([z.number(), z.number(), z.number()]),
});

const toStep = (step: string): string | number => (/^\d+$/.test(step) ? Number(step) : step);

function explain(code: string, message: string): string {
  if (/call stack/.test(message)) return TOO_DEEP;
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'The same key stands twice in one place. Remove one of the two.';
    case 'TAB_AS_INDENT':
      return 'A tab is used to indent. YAML is indented with spaces.';
    case 'MULTIPLE_DOCS':
      return 'The text has several documents (---). Import them one by one.';
    case 'TAG_RESOLVE_FAILED':
      return 'Tags such as !name aren’t allowed here. Write the value without it.';
    default:
      return `${message.replace(/\.$/, '')}.`;
  }
}

/** @returns a sentence about a value that JSON can't say; undefined if there is none */
function findUnsayable(root: unknown): string | undefined {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return `It is nested more than ${MAX_DEPTH} levels deep.`;
    for (const value of level) {
      if (typeof value === 'number' && !Number.isFinite(value)) {
        return 'It has a number that is infinite or none (.inf, .nan).';
      }
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return undefined;
}
