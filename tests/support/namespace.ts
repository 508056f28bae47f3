import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { ensureSearchAttributes } from '../../temporal/ensure-search-attributes.ts';

/**
 * Makes a namespace of its own, so that test files share a server without seeing each other's runs.
 * @returns its name, once the server has it and its search attributes
 */
export async function createTestNamespace(address: string): Promise<string> {
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await untilDone(() => connection.workflowService.describeNamespace({ namespace }));
    await untilDone(() => ensureSearchAttributes(connection, namespace));
    return namespace;
  } finally {
    await connection.close();
  }
}

/** The server's parts learn of a new namespace one after the other. */
async function untilDone(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}
