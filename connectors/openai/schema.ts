/** Shapes of the OpenAI connector: inputs, outputs, credential and answers. */
import { z } from 'zod';
import { answerSchemaField } from './answer-schema.ts';

export const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

export const credentialSchema = z.strictObject({
  apiKey: z
    .string()
    .regex(/^[\u0021-\u007e]+$/, 'must be the key alone, without spaces or line breaks')
    .meta({ description: 'API key' }),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description: `Where the API is, with its version; ${DEFAULT_BASE_URL} where left out. Any server that speaks OpenAI’s chat completions will do.`,
    }),
  organization: z.string().min(1).optional(),
  project: z.string().min(1).optional(),
});
export type OpenaiCredential = z.output<typeof credentialSchema>;

const MAX_TEXT = 1_000_000;
const textSchema = z.string().min(1).max(MAX_TEXT);

const partSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: textSchema }),
  z.strictObject({
    type: z.literal('image'),
    url: z
      .string()
      .regex(/^(https?:\/\/|data:image\/)/, 'must be a web address or a data: address')
      .meta({ description: 'Public address of a picture' }),
  }),
]);

const messageSchema = z
  .strictObject({
    role: z.enum(['system', 'user', 'assistant']),
    content: z.union([textSchema, z.array(partSchema).min(1).max(50)]),
  })
  .refine(({ role, content }) => role === 'user' || typeof content === 'string', {
    path: ['content'],
    error: 'must be a text; only a user’s message can have pictures',
  });
export type Message = z.output<typeof messageSchema>;

const modelSchema = z.string().min(1).max(200);

/** https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create */
export const chatInputSchema = z
  .strictObject({
    model: modelSchema.meta({ description: 'The model to ask', example: 'gpt-5-mini' }),
    system: textSchema
      .optional()
      .meta({ description: 'What the model is and how it should answer' }),
    prompt: textSchema.optional().meta({ description: 'What is asked' }),
    messages: z
      .array(messageSchema)
      .min(1)
      .max(500)
      .optional()
      .meta({ description: 'A whole conversation, instead of prompt' }),
    temperature: z.number().min(0).max(2).optional().meta({
      description: 'From 0 (always much the same) to 2 (varied). Reasoning models take none.',
    }),
    maxTokens: z.number().int().min(1).max(1_000_000).optional().meta({
      description:
        'The longest answer, in tokens. A longer one fails the node; of a reasoning model its thoughts count too.',
    }),
    reasoningEffort: z
      .enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'])
      .optional()
      .meta({ description: 'How long a reasoning model may think' }),
    schema: answerSchemaField.optional().meta({
      description:
        'JSON Schema of the answer: the model answers with data of this form, which is checked. With strictSchema each property must be in required, and additionalProperties false.',
    }),
    schemaName: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, _ and -')
      .optional()
      .meta({ description: 'A name for the data, which the model sees' }),
    strictSchema: z.boolean().optional().meta({
      description: 'False if the server or the schema can’t do strict structured output',
    }),
  })
  .refine(({ prompt, messages }) => (prompt === undefined) !== (messages === undefined), {
    error: 'give either prompt or messages',
  });
export type ChatInput = z.output<typeof chatInputSchema>;

const tokens = z.number().int().nonnegative();

export const chatOutputSchema = z.object({
  text: z.string().meta({ description: 'The answer as it was written' }),
  data: z.json().optional().meta({ description: 'With schema: the answer as data of that form' }),
  model: z.string().meta({ description: 'The model that answered, with its version' }),
  completionId: z.string(),
  usage: z
    .object({
      inputTokens: tokens,
      outputTokens: tokens,
      totalTokens: tokens,
      cachedInputTokens: tokens,
      reasoningTokens: tokens,
    })
    .optional()
    .meta({ description: 'What the answer cost; missing where a server does not say' }),
});
export type ChatOutput = z.output<typeof chatOutputSchema>;

/** https://developers.openai.com/api/reference/resources/chat/subresources/completions */
export const completionSchema = z.object({
  id: z.string().default(''),
  model: z.string().default(''),
  choices: z
    .tuple([
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    ])
    .rest(z.unknown()),
  usage: z
    .object({
      prompt_tokens: tokens,
      completion_tokens: tokens.default(0),
      total_tokens: tokens,
      prompt_tokens_details: z.object({ cached_tokens: tokens.nullish() }).nullish(),
      completion_tokens_details: z.object({ reasoning_tokens: tokens.nullish() }).nullish(),
    })
    .nullish(),
});
export type Completion = z.output<typeof completionSchema>;

export const moderateInputSchema = z.strictObject({
  text: textSchema.meta({ description: 'What to look at' }),
  model: modelSchema.default('omni-moderation-latest'),
});
export type ModerateInput = z.output<typeof moderateInputSchema>;

export const moderateOutputSchema = z.object({
  flagged: z.boolean().meta({ description: 'True if any category applies' }),
  categories: z
    .array(z.string())
    .meta({ description: 'The categories that apply', example: ['harassment'] }),
  scores: z.record(z.string(), z.number()).meta({ description: 'By category, from 0 to 1' }),
});
export type ModerateOutput = z.output<typeof moderateOutputSchema>;

/** https://developers.openai.com/api/reference/resources/moderations/methods/create */
export const moderationSchema = z.object({
  results: z
    .tuple([
      z.object({
        flagged: z.boolean(),
        categories: z.record(z.string(), z.boolean().nullable()),
        category_scores: z.record(z.string(), z.number().nullable()),
      }),
    ])
    .rest(z.unknown()),
});
