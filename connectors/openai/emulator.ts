/**
 * Plays chat completions and moderations: it answers with something of the right form, which it
 * makes up.
 * https://developers.openai.com/api/reference/resources/chat
 */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Emulator, EmulatorDeps } from '../contract.ts';
import {
  type AnsweredFault,
  type EmulatedReply,
  type EmulatedRequest,
  type HttpEmulator,
  startHttpEmulator,
} from '../http-emulator.ts';
import { exampleOf } from './answer-schema.ts';
import type { OpenaiCredential } from './schema.ts';

export interface OpenaiEmulator extends Emulator<OpenaiCredential> {
  readonly injectWhere: HttpEmulator['injectWhere'];
}

/** Derived, not random, so that a restarted emulator still accepts a credential given out before. */
const API_KEY = `sk-sandbox-${createHash('sha256').update('masar openai emulator').digest('hex').slice(0, 40)}`;
const CHARACTERS_PER_TOKEN = 4;

const partSchema = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.object({ url: z.string() }).optional(),
});
const chatSchema = z.object({
  model: z.string().min(1),
  messages: z
    .array(z.object({ role: z.string(), content: z.union([z.string(), z.array(partSchema)]) }))
    .min(1),
  response_format: z
    .object({ json_schema: z.object({ schema: z.record(z.string(), z.json()) }) })
    .optional(),
});
const moderationSchema = z.object({ input: z.string(), model: z.string().optional() });
const CATEGORIES = ['harassment', 'hate', 'illicit', 'self-harm', 'sexual', 'violence'];

/** Starts the emulator; what it accepts is in the store before it answers. */
export async function startOpenaiEmulator({
  store,
  host,
  port,
}: EmulatorDeps): Promise<OpenaiEmulator> {
  async function chat(request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = chatSchema.safeParse(request.json());
    if (!parsed.success) {
      const at = parsed.error.issues[0]?.path.join('.') ?? '';
      return refusal(400, 'invalid_request_error', `Invalid value: ${at}`);
    }
    const { model, response_format: format } = parsed.data;
    const messages = parsed.data.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : content.map(partText).join('\n'),
    }));
    const question = messages.at(-1)?.content ?? '';
    const answer =
      format === undefined
        ? `This is the sandbox’s answer to: ${question.slice(0, 200)}`
        : JSON.stringify(exampleOf(format.json_schema.schema));
    await store.add({
      connector: 'openai',
      operation: 'chat',
      ...request.trace,
      to: model,
      message: { model, messages, answer },
    });
    const asked = tokensOf(messages.map(({ content }) => content).join(''));
    const said = tokensOf(answer);
    return {
      status: 200,
      body: {
        id: `chatcmpl-${randomUUID()}`,
        object: 'chat.completion',
        created: Math.floor(Date.now() / 1000),
        model,
        choices: [
          {
            index: 0,
            finish_reason: 'stop',
            logprobs: null,
            message: { role: 'assistant', content: answer, refusal: null },
          },
        ],
        usage: { prompt_tokens: asked, completion_tokens: said, total_tokens: asked + said },
      },
    };
  }

  async function moderate(request: EmulatedRequest): Promise<EmulatedReply> {
    const parsed = moderationSchema.safeParse(request.json());
    if (!parsed.success) return refusal(400, 'invalid_request_error', 'Invalid value: input');
    const model = parsed.data.model ?? 'omni-moderation-latest';
    await store.add({
      connector: 'openai',
      operation: 'moderate',
      ...request.trace,
      to: model,
      message: {
        model,
        messages: [{ role: 'text', content: parsed.data.input }],
        answer: 'not flagged',
      },
    });
    return {
      status: 200,
      body: {
        id: `modr-${randomUUID()}`,
        model,
        results: [
          {
            flagged: false,
            categories: Object.fromEntries(CATEGORIES.map((name) => [name, false])),
            category_scores: Object.fromEntries(CATEGORIES.map((name) => [name, 0])),
          },
        ],
      },
    };
  }

  async function handle(request: EmulatedRequest): Promise<EmulatedReply> {
    if (request.bearer() !== API_KEY) return unauthorized();
    switch (`${request.method} ${request.path}`) {
      case 'POST /v1/chat/completions':
        return chat(request);
      case 'POST /v1/moderations':
        return moderate(request);
      default:
        return refusal(404, 'invalid_request_error', 'Invalid URL');
    }
  }

  const server = await startHttpEmulator({ host, port, handle, faultReply });
  return {
    connector: 'openai',
    url: server.url,
    credential: { apiKey: API_KEY, baseUrl: `${server.url}/v1` },
    inject: server.inject,
    injectWhere: server.injectWhere,
    close: server.close,
  };
}

/** An error answer in the API's form. */
export function refusal(
  status: number,
  type: string,
  message: string,
  code: string | null = null,
  param: string | null = null,
): EmulatedReply {
  return { status, body: { error: { message, type, param, code } } };
}

function unauthorized(): EmulatedReply {
  return refusal(401, 'invalid_request_error', 'Incorrect API key provided.', 'invalid_api_key');
}

function faultReply(fault: AnsweredFault): EmulatedReply {
  switch (fault.kind) {
    case 'unauthorized':
      return unauthorized();
    case 'rateLimited':
      return {
        ...refusal(429, 'requests', 'Rate limit reached for requests', 'rate_limit_exceeded'),
        headers: { 'retry-after': String(fault.retryAfterSeconds) },
      };
    case 'serverError':
      return refusal(fault.status ?? 500, 'server_error', 'The server had an error');
  }
}

function partText({ text, image_url: image }: z.output<typeof partSchema>): string {
  return text ?? `[picture: ${image?.url.slice(0, 200) ?? ''}]`;
}

/** Roughly as tokenizers count. */
function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}
