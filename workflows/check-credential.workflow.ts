/** Tries a stored credential on a worker, since the API opens no connections to providers. */
import { proxyActivities } from '@temporalio/workflow';
import type { CredentialActivities } from './activity-contract.ts';
import { type CheckCredentialInput, type CheckCredentialResult, TASK_QUEUES } from './contract.ts';

const activities = proxyActivities<CredentialActivities>({
  taskQueue: TASK_QUEUES.connectors,
  startToCloseTimeout: '20s',
  scheduleToCloseTimeout: '40s',
  // The check reports what a provider says as its result: only a lost worker is tried again.
  retry: { maximumAttempts: 2 },
  summary: 'Log in, change nothing',
});

export function checkCredential(input: CheckCredentialInput): Promise<CheckCredentialResult> {
  return activities['credential.check'](input);
}
