import { expect, test } from '@jest/globals';
import { silentLogger } from '../cli/logger.ts';
import type { StartableExecution } from '../temporal/start-execution.ts';
import { createStartDispatcher } from './start-dispatcher.ts';

const execution = (executionId: string): StartableExecution => ({
  executionId,
  projectId: 'p',
  mode: 'sandbox',
  plan: {
    planVersion: 1,
    workflowId: 'w',
    name: 'W',
    version: 1,
    nodes: [],
    connections: [],
  },
  leadId: null,
  lead: null,
  input: {},
  trigger: { type: 'api' },
});

test('starts everything that was submitted, a bounded number at once', async () => {
  const started: string[] = [];
  let running = 0;
  let most = 0;
  const dispatcher = createStartDispatcher(async ({ executionId }) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    started.push(executionId);
  }, silentLogger);
  for (let index = 0; index < 200; index += 1) dispatcher.submit(execution(`e${index}`));
  await dispatcher.drain();
  expect(new Set(started).size).toBe(200);
  expect(most).toBeLessThanOrEqual(32);
});

test('a start that fails is left to the reconciler and told to the log only', async () => {
  const warnings: string[] = [];
  const dispatcher = createStartDispatcher(
    async () => {
      throw new Error('Temporal is away');
    },
    { ...silentLogger, warn: (message) => void warnings.push(message) },
  );
  dispatcher.submit(execution('e1'));
  await dispatcher.drain();
  expect(warnings).toEqual(['execution not started yet; the reconciler will start it']);
});

test('starts what is admitted; an admission that fails is left to the workers', async () => {
  const started: string[] = [];
  const dispatcher = createStartDispatcher(async ({ executionId }) => {
    started.push(executionId);
  }, silentLogger);
  dispatcher.whileAdmitting('e1', async () => {
    for (const id of ['e1', 'e0']) dispatcher.submit(execution(id));
  });
  dispatcher.whileAdmitting('e2', () => Promise.reject(new Error('The database is away.')));
  await dispatcher.drain();
  expect(started).toEqual(['e1', 'e0']);
});
