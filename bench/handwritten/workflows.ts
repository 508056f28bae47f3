/** The benchmark's four steps as an engineer writes them for Temporal, without Masar. */
import { proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow';
import type { Steps } from './steps.ts';

export interface StepsInput {
  readonly stubUrl: string;
  readonly lead: { readonly name: string; readonly email: string; readonly score: number };
}

const RETRY = { maximumAttempts: 8, initialInterval: '2s', backoffCoefficient: 2 } as const;
const ordinary = proxyActivities<Steps>({ startToCloseTimeout: '30s', retry: RETRY });
const local = proxyLocalActivities<Steps>({ startToCloseTimeout: '30s', retry: RETRY });

/** Each step is scheduled through the server. */
export async function withOrdinaryActivities(input: StepsInput): Promise<unknown> {
  return run(ordinary, input);
}

/** Each step runs in the worker that runs the workflow. */
export async function withLocalActivities(input: StepsInput): Promise<unknown> {
  return run(local, input);
}

async function run(steps: Steps, { stubUrl, lead }: StepsInput): Promise<unknown> {
  const { workflowId } = workflowInfo();
  const mail = await steps.send({
    url: `${stubUrl}/email`,
    key: `${workflowId}/mail`,
    body: { to: lead.email, subject: `مرحباً ${lead.name}` },
  });
  const message = await steps.send({
    url: `${stubUrl}/whatsapp`,
    key: `${workflowId}/wa`,
    body: { to: lead.email, text: `Hello ${lead.name}` },
  });
  const row = await steps.send({
    url: `${stubUrl}/sheet`,
    key: `${workflowId}/row`,
    body: { values: [lead.name, mail.id] },
  });
  const score = await steps.score({ lead, nodes: { mail, message, row } });
  return { score };
}
