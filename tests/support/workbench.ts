/** A stack with emulators and a web API that fail on request, and short words for what tests do with it. */
import type { Client } from '@temporalio/client';
import { connectClient } from '../../temporal/connection.ts';
import type { DefinitionInput } from '../../workflows/graph/definition.ts';
import { startTestEmulators, type TestEmulators } from './emulators.ts';
import { type Execution, type Stack, startStack, temporalAddress } from './stack.ts';
import { type Scripted, startWebApi, type WebApi } from './web-api.ts';

export type Node = DefinitionInput['nodes'][number];

/** The lead of every execution that `run` starts. */
export const lead = {
  id: 'lead-1',
  name: 'نور الهدى',
  email: 'nour@example.com',
  phone: '+971501234567',
  score: 80,
};

export const mail: Node = {
  id: 'mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'مرحباً {{ lead.name }}', text: 'Welcome' },
};

export interface Workbench {
  readonly stack: Stack;
  readonly emulators: TestEmulators;
  readonly web: WebApi;
  readonly client: Client;
  /** A node that reads from the web API. */
  reads(id: string, path: string, ...replies: Scripted[]): Node;
  /** A node that writes to it, without a key that the API would recognise. */
  writes(id: string, path: string, ...replies: Scripted[]): Node;
  /** Publishes a definition and starts it. @returns the execution's id */
  run(
    workflowId: string,
    definition: Omit<DefinitionInput, 'workflowId' | 'name'>,
  ): Promise<string>;
  untilNode(executionId: string, nodeId: string, status: string): Promise<void>;
  /** @returns how many messages the emulators accepted from the execution */
  sent(executionId: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startWorkbench(): Promise<Workbench> {
  const web = await startWebApi();
  const stack = await startStack({ emulators: false, env: { MASAR_ALLOW_HOSTS: web.host } });
  const emulators = await startTestEmulators(stack.database);
  const client = await connectClient({ address: temporalAddress(), namespace: stack.namespace });

  function calls(method: 'GET' | 'POST', id: string, url: string): Node {
    return {
      id,
      type: 'http',
      config: { method, url, ...(method === 'POST' ? { body: {} } : {}) },
    };
  }

  return {
    stack,
    emulators,
    web,
    client,
    reads: (id, path, ...replies) => calls('GET', id, web.on(path, ...replies)),
    writes: (id, path, ...replies) => calls('POST', id, web.on(path, ...replies)),
    run: async (workflowId, definition) => {
      await stack.publish({ workflowId, name: workflowId, ...definition });
      return stack.start(workflowId, { lead });
    },
    untilNode: (executionId, nodeId, status) =>
      stack.until(
        `${nodeId} is ${status}`,
        async () => nodeOf(await stack.execution(executionId), nodeId).status === status,
      ),
    sent: async (executionId) => {
      const rows = await stack.database('sandbox_messages').where({ execution_id: executionId });
      return rows.length;
    },
    stop: async () => {
      await client.connection.close();
      await stack.stop();
      await emulators.close();
      await web.close();
    },
  };
}

/** @returns the status of each node by its id */
export function statuses({ nodes }: Execution): Record<string, string> {
  return Object.fromEntries(nodes.map(({ nodeId, status }) => [nodeId, status]));
}

/** @throws Error if the execution has no such node */
export function nodeOf({ nodes }: Execution, nodeId: string): Execution['nodes'][number] {
  const node = nodes.find((it) => it.nodeId === nodeId);
  if (node === undefined) throw new Error(`The execution has no node "${nodeId}".`);
  return node;
}
