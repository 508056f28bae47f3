/** Named parameters of a query, https://cloud.google.com/bigquery/docs/parameterized-queries */
import type { bigquery_v2 } from 'googleapis/build/src/apis/bigquery/index.js';
import { ConnectorError } from '../errors.ts';
import type { Parameter, QueryInput, Scalar } from './schema.ts';

/** @throws ConnectorError `invalid_config` for a list whose items are of several types */
export function toQueryParameters(
  parameters: QueryInput['parameters'],
): bigquery_v2.Schema$QueryParameter[] {
  return Object.entries(parameters).map(([name, parameter]) => {
    const { type, value } = typed(name, parameter);
    return Array.isArray(value)
      ? {
          name,
          parameterType: { type: 'ARRAY', arrayType: { type } },
          parameterValue: { arrayValues: value.map((item) => ({ value: asText(type, item) })) },
        }
      : { name, parameterType: { type }, parameterValue: { value: asText(type, value) } };
  });
}

function typed(
  name: string,
  parameter: Parameter,
): { readonly type: string; readonly value: Scalar | Scalar[] } {
  if (Array.isArray(parameter)) {
    const types = new Set(parameter.filter((item) => item !== null).map(typeOf));
    if (types.has('INT64') && types.has('FLOAT64')) types.delete('INT64');
    const [type = 'STRING', ...others] = types;
    if (others.length > 0) {
      throw new ConnectorError(
        'invalid_config',
        `The list of the parameter "${name}" has values of several types. An ARRAY has one: write { "type": …, "value": [ … ] } to say which.`,
        { effect: 'none', permanent: true, pointer: `/parameters/${name}` },
      );
    }
    return { type, value: parameter };
  }
  if (typeof parameter === 'object' && parameter !== null) return parameter;
  return { type: parameter === null ? 'STRING' : typeOf(parameter), value: parameter };
}

function typeOf(value: Exclude<Scalar, null>): string {
  switch (typeof value) {
    case 'string':
      return 'STRING';
    case 'boolean':
      return 'BOOL';
    case 'number':
      return Number.isSafeInteger(value) ? 'INT64' : 'FLOAT64';
  }
}

function asText(type: string, value: Scalar): string | null {
  if (value === null) return null;
  // A text is JSON already.
  return type === 'JSON' && typeof value !== 'string' ? JSON.stringify(value) : String(value);
}
