/**
 * LiquidJS as expressions use it: strict, limited, and the same on every machine.
 *
 * Parsed texts are kept, because a text is rendered again for each execution and each item of a
 * forEach. In a worker the executions share them: what is kept is a function of the text alone, so
 * no result depends on whether it was there.
 */
import { Context, Liquid, type Template, toValueSync, Value } from 'liquidjs';
import { registerFilters } from './expression-filters.ts';

/** Characters and list items that one string may work on: what grows without end stops here. */
export const MEMORY_LIMIT = 2_000_000;
/** Template parts that one string may render, loops counted as often as they go round. */
const STEP_LIMIT = 100_000;
/**
 * How many times over all strings of a config together may use up what one may: a node is rendered
 * within one task of its workflow, which must not take longer than a few seconds.
 */
const STRINGS_AT_FULL_COST = 2;
const PARSE_LIMIT = 200_000;

/** Kept texts, by number and by their length in all. */
const MAX_KEPT_TEXTS = 2_000;
const MAX_KEPT_CHARACTERS = 2_000_000;

/** A text in which a missing value may be no error. */
const OPTIONAL = /\|\s*default\b|\{%-?\s*(?:if|unless|elsif|case)\b/;

/** Matches a string that is one output tag and nothing else; its body is checked for a second one. */
const WHOLE = /^\s*\{\{-?([\s\S]*?)-?\}\}\s*$/;

const engine = createEngine();

export const FILTER_NAMES: readonly string[] = Object.keys(engine.filters).sort();

function createEngine(): Liquid {
  const liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    memoryLimit: MEMORY_LIMIT,
    parseLimit: PARSE_LIMIT,
    // Replay on another machine must print the same times.
    timezoneOffset: 0,
    locale: 'en-US',
    // No partials: nothing is read from a disk.
    templates: {},
  });
  for (const tag of ['include', 'render', 'layout', 'block'] as const) delete liquid.tags[tag];
  registerFilters(liquid);
  return liquid;
}

/** What the strings of one config have used up together. */
export interface Budget {
  /** Characters and list items that were worked on. */
  amount: number;
  steps: number;
}

export function createBudget(): Budget {
  return { amount: 0, steps: 0 };
}

/** A text as the engine understands it. */
export interface ParsedText {
  /** Global names that it uses, as far as they are known before it is rendered. */
  readonly paths: readonly (readonly (string | number)[])[];
  /** True where it has a `| default:` or an `if`, so that a missing value may be no error. */
  readonly optional: boolean;
  /**
   * A text that is one whole expression yields its value, any other text yields text.
   * @throws Error of LiquidJS
   */
  evaluate(scope: object, budget: Budget): unknown;
}

const kept = new Map<string, ParsedText>();
let keptCharacters = 0;

/** @throws Error of LiquidJS if the text can't be parsed */
export function parseText(text: string): ParsedText {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (text.length <= MAX_KEPT_CHARACTERS / 10) keep(text, parsed);
  return parsed;
}

/** The oldest go first. */
function keep(text: string, parsed: ParsedText): void {
  kept.set(text, parsed);
  keptCharacters += text.length;
  for (const oldest of kept.keys()) {
    if (kept.size <= MAX_KEPT_TEXTS && keptCharacters <= MAX_KEPT_CHARACTERS) return;
    kept.delete(oldest);
    keptCharacters -= oldest.length;
  }
}

function parse(text: string): ParsedText {
  const templates = engine.parse(text);
  const whole = wholeExpression(text, templates);
  return {
    paths: engine.globalVariableSegmentsSync(templates).map(knownSteps),
    optional: OPTIONAL.test(text),
    evaluate(scope, budget) {
      const context = createContext(scope, budget);
      if (whole === undefined) return engine.renderSync(templates, context);
      return toValueSync(whole.value(context));
    },
  };
}

/** @returns the expression inside the braces, if the string is exactly one output tag */
function wholeExpression(text: string, templates: readonly Template[]): Value | undefined {
  const body = WHOLE.exec(text)?.[1]?.trim();
  if (body === undefined || body === '') return undefined;
  return templates.filter((template) => !isBlankText(template)).length === 1
    ? new Value(body, engine)
    : undefined;
}

function isBlankText(template: Template): boolean {
  return template.token.getText().trim() === '';
}

/**
 * One rendering's own view of the scope: `increment` writes to what it is given, and must not reach
 * the scope itself. LiquidJS limits a rendering by time, which neither replays alike nor passes at
 * all inside a workflow, so its check is replaced by a count of steps.
 */
function createContext(scope: object, budget: Budget): Context {
  const context = new Context({ ...scope }, engine.options, { sync: true }, { liquid: engine });
  let steps = 0;
  context.renderLimit.check = () => {
    steps += 1;
    budget.steps += 1;
    if (steps > STEP_LIMIT) throw new Error(`its loops take more than ${STEP_LIMIT} steps`);
    if (budget.steps > STEP_LIMIT * STRINGS_AT_FULL_COST) throw tooMuchTogether();
  };
  const { memoryLimit } = context;
  const use = memoryLimit.use.bind(memoryLimit);
  memoryLimit.use = (amount) => {
    use(amount);
    if (amount > 0) budget.amount += amount;
    if (budget.amount > MEMORY_LIMIT * STRINGS_AT_FULL_COST) throw tooMuchTogether();
  };
  return context;
}

function tooMuchTogether(): Error {
  return new Error(
    'the expressions of this node do too much work together; do a part in a code node',
  );
}

/** A path up to its first step that only the run can tell: `nodes[lead.x].output` begins at `nodes`. */
function knownSteps(path: readonly unknown[]): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const step of path) {
    if (typeof step !== 'string' && typeof step !== 'number') break;
    steps.push(step);
  }
  return steps;
}
