import type { ApiClient } from './api-client.ts';

/** @returns a workflow as a file's text: its draft, or a published version */
export async function definitionText(
  api: ApiClient,
  workflowId: string,
  options: { readonly format: 'json' | 'yaml'; readonly version?: string | undefined },
): Promise<string> {
  const path = `/api/workflows/${encodeURIComponent(workflowId)}/export`;
  const { text } = await api.text('GET', path, {
    query: { format: options.format, version: options.version },
  });
  return text;
}
