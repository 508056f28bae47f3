import { stringify } from 'yaml';
import { z } from 'zod';
import type { ApiClient } from './api-client.ts';

/** A definition without what the API knows of it besides: versions, times, issues. */
const definitionSchema = z.object({
  workflowId: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  nodes: z.array(z.record(z.string(), z.unknown())),
  connections: z.array(z.record(z.string(), z.unknown())),
  triggers: z.array(z.record(z.string(), z.unknown())),
  settings: z.record(z.string(), z.unknown()),
});

/** @returns a workflow's draft as a file's text */
export async function definitionText(
  api: ApiClient,
  workflowId: string,
  format: 'json' | 'yaml',
): Promise<string> {
  const path = `/api/workflows/${encodeURIComponent(workflowId)}`;
  const { description, ...stored } = await api.call('GET', path, definitionSchema);
  const { workflowId: id, name, ...graph } = stored;
  const definition = {
    workflowId: id,
    name,
    ...(description == null ? {} : { description }),
    ...graph,
  };
  return format === 'json' ? `${JSON.stringify(definition, null, 2)}\n` : stringify(definition);
}
