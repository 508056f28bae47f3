/** Reads the text of a definition that is to be imported. Pure. */
import { type Definition, definitionSchema } from '../workflows/graph/definition.ts';
import { readYaml, type TextFormat, type TextPlace } from '../workflows/graph/definition-text.ts';
import { importN8n } from './n8n-import/import-n8n.ts';
import { looksLikeN8n, type N8nWorkflow, n8nWorkflowSchema } from './n8n-import/n8n-workflow.ts';
import type { ReportItem } from './n8n-import/translation.ts';
import { ApiError, type ProblemIssue } from './problem.ts';
import { parseJson, requireStorable } from './request-body.ts';
import { type TextBody, YAML_TYPE } from './text-body.ts';
import { toIssues } from './zod-issues.ts';

export interface TextReading {
  readonly format: TextFormat;
  readonly value: unknown;
  /** @returns where the value of a path stands; undefined where nobody knows */
  placeOf(path: readonly string[]): TextPlace | undefined;
}

/**
 * @param format undefined: by the body's media type
 * @throws ApiError `malformed_json` or `malformed_yaml` with the lines of what is wrong
 */
export function readText(body: TextBody, format: TextFormat | undefined): TextReading {
  const asked = format ?? (YAML_TYPE.test(body.mediaType) ? 'yaml' : 'json');
  if (asked === 'json') {
    return { format: 'json', value: parseJson(body.text), placeOf: () => undefined };
  }
  const reading = readYaml(body.text);
  if ('problems' in reading) {
    const issues = reading.problems.map(
      ({ line, column, message }): ProblemIssue => ({
        code: 'malformed_yaml',
        severity: 'error',
        pointer: '',
        message: `Line ${line}, column ${column}: ${message}`,
        line,
        column,
      }),
    );
    throw new ApiError(
      'malformed_yaml',
      `The text is not YAML that can be read. ${issues.map(({ message }) => message).join(' ')}`,
      { issues },
    );
  }
  requireStorable(reading.value);
  return { format: 'yaml', ...reading };
}

/**
 * @param workflowId the id that the definition is to have; undefined: its own
 * @throws ApiError `invalid_definition` with every problem of its form, and their lines in YAML
 */
export function readDefinition(reading: TextReading, workflowId: string | undefined): Definition {
  const { value } = reading;
  const renamed =
    workflowId !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...value, workflowId }
      : value;
  const parsed = definitionSchema.safeParse(renamed);
  if (parsed.success) return parsed.data;
  const issues = toIssues(parsed.error.issues).map((issue) => located(issue, reading));
  throw new ApiError(
    'invalid_definition',
    `This is not a definition that can be saved: ${issues.map(({ message }) => message).join(' ')}`,
    { issues },
  );
}

function located(issue: ProblemIssue, { placeOf }: TextReading): ProblemIssue {
  const place = placeOf(
    issue.pointer
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
  );
  return place === undefined
    ? issue
    : { ...issue, ...place, message: `Line ${place.line}: ${issue.message}` };
}

export interface ImportReading {
  readonly definition: Definition;
  readonly format: TextFormat | 'n8n';
  /** What of an n8n workflow could not be carried over as it was. */
  readonly report: readonly ReportItem[];
}

/**
 * Reads a definition, or what n8n exported.
 * @throws ApiError as `readText` and `readDefinition`
 */
export function readImport(
  body: TextBody,
  asked: {
    readonly format?: TextFormat | 'n8n' | undefined;
    readonly workflowId?: string | undefined;
  },
): ImportReading {
  const { format, workflowId } = asked;
  const reading = readText(body, format === 'n8n' ? undefined : format);
  const isN8n = format === 'n8n' || (format === undefined && looksLikeN8n(reading.value));
  if (!isN8n) {
    return { definition: readDefinition(reading, workflowId), format: reading.format, report: [] };
  }
  const { definition, report } = importN8n(readN8n(reading.value), workflowId);
  const translated = { ...reading, value: definition, placeOf: () => undefined };
  return { definition: readDefinition(translated, workflowId), format: 'n8n', report };
}

function readN8n(value: unknown): N8nWorkflow {
  if (Array.isArray(value) && value.length > 1) {
    throw new ApiError(
      'invalid_definition',
      `The file holds ${value.length} n8n workflows. Import them one by one.`,
    );
  }
  const parsed = n8nWorkflowSchema.safeParse(Array.isArray(value) ? value[0] : value);
  if (parsed.success) return parsed.data;
  const issues = toIssues(parsed.error.issues);
  throw new ApiError(
    'invalid_definition',
    `This is not a workflow that n8n exported: ${issues.map(({ message }) => message).join(' ')}`,
    { issues },
  );
}
