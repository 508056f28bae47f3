import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';

const VISIBLE_WITHIN_MS = 30_000;
const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/**
 * Adds the search attributes that the namespace lacks, and waits until the server shows them. Safe
 * to repeat, and to run from several processes at once.
 * https://docs.temporal.io/search-attribute#create-custom-search-attributes
 * @throws Error if one exists with another type or does not appear in time, and a ServiceError if
 *   the server does not let us add them, as Temporal Cloud, where they are added in its console
 */
export async function ensureSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<void> {
  const missing = () => missingSearchAttributes(connection, namespace);
  const toAdd = await missing();
  if (toAdd.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(toAdd.map((name) => [name, KEYWORD])),
  });
  const deadline = Date.now() + VISIBLE_WITHIN_MS;
  while ((await missing()).length > 0) {
    if (Date.now() > deadline) {
      throw new Error(
        `Temporal accepted the search attributes ${toAdd.join(', ')} but does not show them in namespace "${namespace}".`,
      );
    }
    await sleep(200);
  }
}

/**
 * @returns the names of our search attributes that the namespace lacks
 * @throws Error if one exists with another type
 */
export async function missingSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<readonly string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace,
  });
  return Object.keys(SEARCH_ATTRIBUTES).filter((name) => {
    const type = customAttributes[name];
    if (type !== undefined && type !== KEYWORD) {
      throw new Error(
        `Temporal’s namespace "${namespace}" has a search attribute ${name} that is not a Keyword. Remove it, or use another namespace.`,
      );
    }
    return type === undefined;
  });
}
