/** Shapes of the Acme connector, from the provider's documentation: put its address here. */
import { z } from 'zod';

export const DEFAULT_BASE_URL = 'https://api.acme.example';

export const credentialSchema = z.strictObject({
  apiKey: z
    .string()
    .min(1)
    .regex(/^\S+$/, 'must have no blanks in it')
    .meta({ description: 'API key of the account' }),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: `Where the API is; ${DEFAULT_BASE_URL} where left out` }),
});
export type AcmeCredential = z.output<typeof credentialSchema>;

export const sendInputSchema = z.strictObject({
  to: z.string().min(1).max(200).meta({ description: 'Who gets the message', example: 'layla' }),
  text: z.string().min(1).max(4_000).meta({ description: 'The message', example: 'مرحباً ليلى' }),
});
export type SendInput = z.output<typeof sendInputSchema>;

export const sendOutputSchema = z.strictObject({
  messageId: z.string().meta({ description: 'The provider’s id of the message' }),
});
export type SendOutput = z.output<typeof sendOutputSchema>;

/** What the API answers to a message that it took. */
export const sentSchema = z.object({ id: z.string().min(1) });

/** What it answers to one that it refused. */
export const refusalSchema = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
});
