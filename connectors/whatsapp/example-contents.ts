/** For tests: contents of messages, in short. */
import type { Json } from '../contract.ts';

export const button = (id: string, title: string) => ({
  type: 'reply' as const,
  reply: { id, title },
});
export const row = (index: number) => ({ id: `row-${index}`, title: `Row ${index}` });
export const rows = (count: number) => Array.from({ length: count }, (_each, index) => row(index));
export const buttons = (...all: ReturnType<typeof button>[]) => ({
  type: 'button' as const,
  body: { text: 'نعم أم لا؟' },
  action: { buttons: all },
});
export const list = (sections: { title?: string; rows: ReturnType<typeof row>[] }[]) => ({
  type: 'list' as const,
  body: { text: 'Choose' },
  action: { button: 'Open', sections },
});
export const template = (parameter: Record<string, Json>) => ({
  template: {
    name: 'welcome',
    language: 'ar',
    components: [{ type: 'body', parameters: [parameter] }],
  },
});
