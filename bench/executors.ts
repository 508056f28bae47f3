/** How one execution of each variant is started, and how its end is learnt. */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { connectClient } from '../temporal/connection.ts';
import { LEAD } from './graph.ts';
import {
  HANDWRITTEN_TASK_QUEUE,
  type LoadSettings,
  type Variant,
  WORKFLOW_ID,
} from './protocol.ts';

export interface Executors {
  /** Runs one execution to its end. Rejects if it does not succeed. */
  readonly execute: Readonly<Record<Variant, () => Promise<void>>>;
  /** Has Masar accept one execution. */
  readonly start: () => Promise<void>;
  close(): Promise<void>;
}

const answerSchema = z.object({ status: z.string() });

/** Masar is used through its API, the hand-written workflows through Temporal's client. */
export async function createExecutors(settings: LoadSettings): Promise<Executors> {
  const { stubUrl, apiUrl, apiKey } = settings;
  const client = await connectClient({ address: settings.temporalAddress, namespace: 'default' });
  const agent = new Agent({ connections: 128, pipelining: 1 });
  const body = JSON.stringify({ lead: LEAD, mode: 'live' });

  async function post(query: string, expected: { statusCode: number; status: string }) {
    const response = await request(`${apiUrl}/api/workflows/${WORKFLOW_ID}/executions${query}`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
      body,
    });
    const text = await response.body.text();
    if (response.statusCode !== expected.statusCode) {
      throw new Error(`The API answered ${response.statusCode}: ${text.slice(0, 300)}`);
    }
    const { status } = answerSchema.parse(JSON.parse(text));
    if (status !== expected.status) {
      throw new Error(`The execution is ${status}: ${text.slice(0, 1_000)}`);
    }
  }

  async function runWorkflow(type: string): Promise<void> {
    await client.workflow.execute(type, {
      taskQueue: HANDWRITTEN_TASK_QUEUE,
      workflowId: `handwritten-${randomUUID()}`,
      args: [{ stubUrl, lead: LEAD }],
    });
  }

  return {
    execute: {
      masar: () => post('?wait=30s', { statusCode: 200, status: 'succeeded' }),
      ordinary: () => runWorkflow('withOrdinaryActivities'),
      local: () => runWorkflow('withLocalActivities'),
    },
    start: () => post('', { statusCode: 202, status: 'queued' }),
    close: async () => {
      await agent.close();
      await client.connection.close();
    },
  };
}
