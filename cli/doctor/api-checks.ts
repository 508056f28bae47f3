/** The API as its clients meet it. */

import { z } from 'zod';
import { createApiClient } from '../api-client.ts';
import { executionSummarySchema, pageOf } from '../api-schemas.ts';
import { apiUrl, findApi, type GlobalOptions } from '../command-context.ts';
import type { Environment } from '../environment.ts';
import { OperatorError } from '../local-process.ts';
import { type Finding, failed, ok, reasonOf, skipped } from './check.ts';

const TIMEOUT_MS = 8_000;

const readinessSchema = z.looseObject({ message: z.string().optional() });

/** @param expected true: something told us that a Masar runs there */
export async function checkApi(
  options: GlobalOptions,
  environment: Environment,
  expected: boolean,
): Promise<Finding> {
  const url = apiUrl(options, environment);
  let answer: Response;
  try {
    answer = await fetch(`${url}/api/automation/health`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    if (!expected) return skipped('No Masar runs here. "masar up" starts one.');
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return failed(
      `Nothing answers on ${url}: ${reasonOf(cause)}.`,
      'Start it ("masar up" or "masar api"), or correct --url or MASAR_URL; look at logs/api.log in the data folder.',
    );
  }
  const said = readinessSchema.safeParse(await answer.json().catch(() => undefined)).data;
  if (said === undefined) {
    return failed(`What answers on ${url} is no Masar.`, 'Correct --url, MASAR_URL or PORT.');
  }
  return answer.ok
    ? ok(`${url} is ready.`)
    : failed(
        `${url} is not ready: ${said.message ?? `status ${answer.status}`}`,
        'The findings on PostgreSQL and Temporal say what to do.',
      );
}

export async function checkKey(options: GlobalOptions, environment: Environment): Promise<Finding> {
  try {
    const address = findApi(options, environment);
    await createApiClient(address).call('GET', '/api/executions', pageOf(executionSummarySchema), {
      query: { limit: '1' },
    });
    return ok(`The API key of ${address.keySource} works.`);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return failed(
      error.message,
      '"masar apikey create <name> --save" makes a key for this folder.',
    );
  }
}
