/** Definitions as files: JSON or YAML, from a path or from standard input. */

import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { findJsonError } from '../api/json-position.ts';
import { OperatorError, systemErrorCode } from './local-process.ts';

export interface DefinitionFile {
  /** As given: a path, or `-`. */
  readonly name: string;
  readonly text: string;
  readonly format: 'json' | 'yaml';
  readonly value: unknown;
}

/**
 * @param name a path, or `-` for standard input
 * @throws OperatorError `definition_file` with line and column
 */
export function readDefinitionFile(name: string): DefinitionFile {
  return parseDefinition(name, readText(name));
}

/** @throws OperatorError `definition_file` */
export function parseDefinition(name: string, text: string): DefinitionFile {
  const isJson = /^\s*[[{]/.test(text);
  if (isJson) {
    try {
      return { name, text, format: 'json', value: JSON.parse(text) };
    } catch (error) {
      // In YAML too a definition may begin with a brace.
      if (!/\.ya?ml$/i.test(name)) throw unreadable(name, 'JSON', jsonProblem(text, error));
    }
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw unreadable(name, 'YAML', problem.message.split('\n')[0] ?? '');
  }
  try {
    return { name, text, format: 'yaml', value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    // Aliases that name nothing, or that would grow without end.
    throw unreadable(name, 'YAML', messageOf(error));
  }
}

/** A value given on the command line: JSON, or `@` and the path of a JSON or YAML file. */
export function readValue(option: string, text: string): unknown {
  if (text.startsWith('@')) return readDefinitionFile(text.slice(1)).value;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new OperatorError(
      'usage',
      `${option} must be JSON, such as '{"name":"Nour"}', or @ and the path of a file: ${jsonProblem(text, error)}`,
    );
  }
}

function readText(name: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    switch (systemErrorCode(error)) {
      case 'ENOENT':
        throw fileProblem(`There is no file ${name}.`, error);
      case 'EISDIR':
        throw fileProblem(`${name} is a folder; name a file in it.`, error);
      case 'EACCES':
        throw fileProblem(`This user may not read ${name}.`, error);
      default:
        throw error;
    }
  }
}

function fileProblem(message: string, cause: unknown): OperatorError {
  return new OperatorError('definition_file', message, cause);
}

function unreadable(name: string, language: string, why: string): OperatorError {
  const where = name === '-' ? 'Standard input' : name;
  return new OperatorError('definition_file', `${where} is not valid ${language}: ${why}`);
}

function jsonProblem(text: string, error: unknown): string {
  const at = findJsonError(text);
  return at === undefined
    ? messageOf(error)
    : `something is wrong in line ${at.line}, column ${at.column}.`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
