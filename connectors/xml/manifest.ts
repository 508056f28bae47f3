import type { ConnectorManifest } from '../contract.ts';
import {
  buildInputSchema,
  buildOutputSchema,
  parseInputSchema,
  parseOutputSchema,
} from './schema.ts';

export const xmlManifest: ConnectorManifest = {
  type: 'xml',
  title: 'XML',
  description: 'Reads and writes XML.',
  credential: null,
  operations: [
    {
      name: 'parse',
      title: 'Read XML',
      description:
        'Turns XML text into an object. Entities other than those of XML itself are refused, and nothing that the text names is fetched.',
      input: parseInputSchema,
      output: parseOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { text: '<order id="7"><item>قهوة</item></order>', lists: ['item'] },
    },
    {
      name: 'build',
      title: 'Write XML',
      description: 'Turns an object into XML text.',
      input: buildInputSchema,
      output: buildOutputSchema,
      idempotency: 'read',
      duration: 'short',
      timeoutMs: 20_000,
      sample: { document: { order: { '@id': 7, item: ['قهوة', 'شاي'] } } },
    },
  ],
};
