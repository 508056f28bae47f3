/** Triggers as a demo plays them: a webhook is called as any web form would, without an API key. */

import { z } from 'zod';
import { OperatorError } from '../local-process.ts';
import type { Stage } from './stage.ts';

const TIMEOUT_MS = 60_000;

const triggersSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      webhook: z.looseObject({ path: z.string().nullable() }).nullable(),
      schedule: z.looseObject({ nextTimes: z.array(z.string()) }).nullable(),
    }),
  ),
});

/**
 * @returns the path of a workflow's webhook
 * @throws OperatorError `demo_failed` if calling it would send for real, or it has none
 */
export async function webhookOf(stage: Stage, workflowId: string): Promise<string> {
  if (stage.liveProviders.length > 0) {
    throw new OperatorError(
      'demo_failed',
      `A webhook can't ask for sandbox mode, and ${stage.liveProviders.join(', ')} would really send. Start Masar with MASAR_MODE=sandbox for this demo.`,
    );
  }
  const items = await triggersOf(stage, workflowId);
  const hook = items.find(({ webhook }) => webhook?.path != null)?.webhook?.path;
  if (hook != null) return hook;
  throw new OperatorError(
    'demo_failed',
    `The API key may not see the address of the webhook of ${workflowId}, or it has none. Use a key with the scope write; --reset puts the example back.`,
  );
}

/** @returns when the workflow's schedule fires next, ISO 8601; undefined where it has none */
export async function nextTimeOf(stage: Stage, workflowId: string): Promise<string | undefined> {
  const items = await triggersOf(stage, workflowId);
  return items.find(({ schedule }) => schedule !== null)?.schedule?.nextTimes[0];
}

async function triggersOf(
  { api }: Stage,
  workflowId: string,
): Promise<z.infer<typeof triggersSchema>['items']> {
  const path = `/api/workflows/${encodeURIComponent(workflowId)}/triggers`;
  return (await api.call('GET', path, triggersSchema)).items;
}

/** Calls it, and shows what its caller gets. @returns the execution that answered */
export async function callHook(
  { api, terminal }: Stage,
  path: string,
  body: object,
): Promise<string> {
  const answer = await fetch(`${api.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await answer.text();
  terminal.line(
    `    POST ${path.slice(0, '/api/hooks/'.length + 4)}… answered ${answer.status}: ${text}`,
  );
  const executionId = answer.headers.get('x-execution-id');
  if (executionId !== null) return executionId;
  throw new OperatorError(
    'demo_failed',
    `The webhook answered ${answer.status} without an execution: ${text.slice(0, 200)}`,
  );
}
