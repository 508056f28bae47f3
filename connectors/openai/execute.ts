import { OpenAI } from 'openai';
import { z } from 'zod';
import type { Operation, OperationContext } from '../contract.ts';
import { createEmulatorOutbound } from '../emulator-outbound.ts';
import { ConnectorError } from '../errors.ts';
import { parseJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { departures } from './answer-schema.ts';
import { refusedCall } from './errors.ts';
import {
  type ChatInput,
  type ChatOutput,
  type Completion,
  completionSchema,
  DEFAULT_BASE_URL,
  type Message,
  type ModerateInput,
  type ModerateOutput,
  moderationSchema,
  type OpenaiCredential,
} from './schema.ts';

export interface OpenaiDeps {
  /** Guards the base address that a credential may name. */
  readonly outbound: Pick<Outbound, 'request'>;
}

export interface OpenaiOperations {
  readonly chat: Operation<ChatInput, ChatOutput, OpenaiCredential>;
  readonly moderate: Operation<ModerateInput, ModerateOutput, OpenaiCredential>;
  /** Closes the connections to emulators; `outbound` stays open. */
  close(): Promise<void>;
}

type Context = OperationContext<OpenaiCredential>;
type Body = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;

const MAX_ANSWER_BYTES = 1024 * 1024;
/** The SDK's own limit only backs up ours, which fires first. */
const BACKUP_MS = 60_000;

export function createOpenaiOperations({ outbound }: OpenaiDeps): OpenaiOperations {
  const emulators = createEmulatorOutbound();

  /**
   * Calls the API with a client of its own, so that what stopped its request is known afterwards:
   * the SDK would leave only "Connection error".
   */
  async function call<Schema extends z.ZodType>(
    context: Context,
    sent: unknown,
    schema: Schema,
    ask: (client: OpenAI) => PromiseLike<unknown>,
  ): Promise<z.output<Schema>> {
    const guard = guardedFetch(context.mode === 'sandbox' ? emulators : outbound, context);
    const { apiKey, baseUrl, organization, project } = context.credential;
    const client = new OpenAI({
      apiKey,
      // Given in any case, or else the SDK looks for them in the process environment.
      baseURL: baseUrl ?? DEFAULT_BASE_URL,
      organization: organization ?? null,
      project: project ?? null,
      adminAPIKey: null,
      webhookSecret: null,
      defaultHeaders: { ...context.traceHeaders },
      fetch: guard.fetch,
      // Temporal repeats; a second loop inside would multiply with it and hide what happens.
      maxRetries: 0,
      timeout: context.timeoutMs + BACKUP_MS,
      logLevel: 'off',
    });
    let answer: unknown;
    try {
      answer = await ask(client);
    } catch (error) {
      throw guard.failure() ?? refusedCall(error, sent);
    }
    const parsed = schema.safeParse(answer);
    if (!parsed.success) throw refusedCall(parsed.error, sent);
    return parsed.data;
  }

  return {
    chat: {
      async execute(input, context) {
        const completion = await call(context, input, completionSchema, (client) =>
          client.chat.completions.create(bodyOf(input, context.credential)),
        );
        return toOutput(input, completion);
      },
    },
    moderate: {
      async execute({ text, model }, context) {
        const { results } = await call(context, text, moderationSchema, (client) =>
          client.moderations.create({ input: text, model }),
        );
        const { flagged, categories, category_scores: scores } = results[0];
        return {
          flagged,
          categories: Object.keys(categories).filter((name) => categories[name] === true),
          scores: Object.fromEntries(
            Object.entries(scores).map(([name, score]) => [name, score ?? 0]),
          ),
        };
      },
    },
    close: emulators.close,
  };
}

/** The way out for the SDK: our client, with its guard against private networks and its limits. */
function guardedFetch(
  outbound: OpenaiDeps['outbound'],
  { signal, timeoutMs }: Context,
): {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  failure(): ConnectorError | undefined;
} {
  let failure: ConnectorError | undefined;
  return {
    async fetch(url, init) {
      try {
        const { status, headers, body } = await outbound.request({
          method: init?.method === 'GET' ? 'GET' : 'POST',
          url: url instanceof Request ? url.url : url,
          headers: Object.fromEntries(new Headers(init?.headers)),
          body: typeof init?.body === 'string' ? init.body : undefined,
          signal,
          timeoutMs,
          maxResponseBytes: MAX_ANSWER_BYTES,
          followRedirects: false,
        });
        const plain = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
          value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
        );
        const hasBody = status !== 204 && status !== 205 && status !== 304;
        return new Response(hasBody ? Uint8Array.from(body) : null, { status, headers: plain });
      } catch (error) {
        if (error instanceof ConnectorError) failure = error;
        throw error;
      }
    },
    failure: () => failure,
  };
}

/** https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create */
function bodyOf(input: ChatInput, { baseUrl }: OpenaiCredential): Body {
  const { system, prompt, messages, schema, maxTokens } = input;
  const asked: readonly Message[] = messages ?? [{ role: 'user', content: prompt ?? '' }];
  // OpenAI's newer models refuse max_tokens, and other servers know nothing else.
  const isOpenai = new URL(baseUrl ?? DEFAULT_BASE_URL).hostname.endsWith('.openai.com');
  return {
    model: input.model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      ...asked.map(toMessage),
    ],
    ...(input.temperature === undefined ? {} : { temperature: input.temperature }),
    ...(input.reasoningEffort === undefined ? {} : { reasoning_effort: input.reasoningEffort }),
    ...(maxTokens === undefined
      ? {}
      : isOpenai
        ? { max_completion_tokens: maxTokens }
        : { max_tokens: maxTokens }),
    ...(schema === undefined
      ? {}
      : {
          response_format: {
            type: 'json_schema',
            json_schema: {
              name: input.schemaName ?? 'answer',
              schema,
              strict: input.strictSchema ?? true,
            },
          },
        }),
  };
}

function toMessage({ role, content }: Message): Body['messages'][number] {
  if (role !== 'user') return { role, content: typeof content === 'string' ? content : '' };
  if (typeof content === 'string') return { role, content };
  return {
    role,
    content: content.map((part) =>
      part.type === 'text'
        ? { type: 'text' as const, text: part.text }
        : { type: 'image_url' as const, image_url: { url: part.url } },
    ),
  };
}

/** @throws ConnectorError if the model refused, was cut short, or left the schema */
function toOutput(input: ChatInput, completion: Completion): ChatOutput {
  const [{ message, finish_reason: reason }] = completion.choices;
  if (typeof message.refusal === 'string' && message.refusal !== '') {
    throw noAnswer('refusal', 'The model refused to answer. Rephrase what is asked.');
  }
  if (reason === 'content_filter') {
    throw noAnswer('content_filter', 'The provider’s content filter stopped the answer.');
  }
  if (reason === 'length') {
    throw noAnswer(
      'length',
      'The answer was cut off because it reached the longest that is allowed. Raise maxTokens, or ask for less.',
      '/maxTokens',
    );
  }
  const text = message.content ?? '';
  if (text === '') {
    throw new ConnectorError('invalid_response', 'The model answered with nothing at all.', {
      effect: 'none',
      permanent: false,
    });
  }
  const usage = completion.usage ?? undefined;
  return {
    text,
    ...(input.schema === undefined ? {} : { data: dataIn(text, input.schema) }),
    model: completion.model === '' ? input.model : completion.model,
    completionId: completion.id,
    ...(usage === undefined
      ? {}
      : {
          usage: {
            inputTokens: usage.prompt_tokens,
            outputTokens: usage.completion_tokens,
            totalTokens: usage.total_tokens,
            cachedInputTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
            reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
          },
        }),
  };
}

/** Another attempt may do better, since models don't answer twice alike: not permanent. */
function dataIn(
  text: string,
  schema: NonNullable<ChatInput['schema']>,
): Exclude<ChatOutput['data'], undefined> {
  const { data } = z.json().safeParse(parseJson(text));
  const wrong = data === undefined ? ['it is not JSON'] : departures(schema, data);
  if (data !== undefined && wrong.length === 0) return data;
  throw new ConnectorError(
    'invalid_response',
    `The model’s answer is not of the form that schema asks for: ${wrong.slice(0, 5).join('; ').slice(0, 400)}.`,
    { effect: 'none', permanent: false },
  );
}

function noAnswer(providerCode: string, message: string, pointer?: string): ConnectorError {
  return new ConnectorError('rejected', message, {
    effect: 'none',
    permanent: true,
    providerCode,
    ...(pointer === undefined ? {} : { pointer }),
  });
}
