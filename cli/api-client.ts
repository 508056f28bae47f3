/** The HTTP API as the command line uses it: nothing but what any other program could do. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OperatorError, systemErrorCode } from './local-process.ts';

const TIMEOUT_MS = 60_000;

const issueSchema = z.looseObject({
  severity: z.string().default('error'),
  nodeId: z.string().optional(),
  pointer: z.string().default(''),
  message: z.string(),
});
export type ApiIssue = z.infer<typeof issueSchema>;

const problemSchema = z.looseObject({
  error: z.string().optional(),
  message: z.string().optional(),
  detail: z.string().optional(),
  retryAfter: z.number().optional(),
  issues: z.array(issueSchema).optional(),
});

/** The API said no. The message is the API's own, with what was asked. */
export class ApiRefusal extends OperatorError {
  readonly status: number;
  /** The API's stable code, such as `workflow_not_found`. */
  readonly problem: string | undefined;
  readonly issues: readonly ApiIssue[];

  constructor(
    message: string,
    refusal: {
      readonly status: number;
      readonly problem: string | undefined;
      readonly issues: readonly ApiIssue[];
    },
  ) {
    super('api_refused', message);
    this.status = refusal.status;
    this.problem = refusal.problem;
    this.issues = refusal.issues;
  }
}

export interface ApiAddress {
  /** Without a path. */
  readonly url: string;
  readonly key: string;
  /** Where the key came from, for the message when it is refused: "--api-key", … */
  readonly keySource: string;
}

export interface CallOptions {
  /** Sent as JSON; as it is, if it is text with `contentType`. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface TextAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ApiClient {
  readonly url: string;
  /** @throws ApiRefusal, OperatorError `unreachable`, `api_key` */
  call<T>(method: string, path: string, schema: z.ZodType<T>, options?: CallOptions): Promise<T>;
  /** As `call`, but undefined where the API answers 404. */
  find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /** As `call`, for an answer that is not JSON, or whose status matters. */
  text(method: string, path: string, options?: CallOptions): Promise<TextAnswer>;
  /** An answer whose body is still to be read: a stream. */
  open(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Response>;
}

export function createApiClient(address: ApiAddress): ApiClient {
  const { url, key, keySource } = address;

  async function send(
    method: string,
    path: string,
    options: CallOptions,
    timeoutMs: number | undefined,
  ): Promise<Response> {
    const target = new URL(`${url}${path}`);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) target.searchParams.set(name, value);
    }
    const { body, contentType } = options;
    const signals = [
      ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]),
      ...(options.signal === undefined ? [] : [options.signal]),
    ];
    try {
      return await fetch(target, {
        method,
        headers: {
          'x-api-key': key,
          ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
          ...options.headers,
        },
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' && contentType ? body : JSON.stringify(body) }),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw unreachable(url, error);
    }
  }

  /** Waits once where the API asks for patience: a script that calls often is no failure. */
  async function ask(method: string, path: string, options: CallOptions): Promise<TextAnswer> {
    for (let asked = 1; ; asked += 1) {
      const response = await send(method, path, options, TIMEOUT_MS);
      const text = await response.text().catch((error: unknown) => {
        throw unreachable(url, error);
      });
      if (response.ok) return { status: response.status, headers: response.headers, text };
      const waitSeconds = Number(response.headers.get('retry-after') ?? '0');
      if (response.status === 429 && asked === 1 && waitSeconds > 0 && waitSeconds <= 60) {
        await sleep(waitSeconds * 1_000);
        continue;
      }
      throw refusal(`${method} ${path}`, response.status, text, { url, keySource });
    }
  }

  return {
    url,
    call: async (method, path, schema, options = {}) => {
      const { text } = await ask(method, path, options);
      return parse(schema, text, `${method} ${path}`, url);
    },
    find: async (path, schema) => {
      try {
        const { text } = await ask('GET', path, {});
        return parse(schema, text, `GET ${path}`, url);
      } catch (error) {
        if (error instanceof ApiRefusal && error.status === 404) return undefined;
        throw error;
      }
    },
    text: (method, path, options = {}) => ask(method, path, options),
    open: async (path, headers, signal) => {
      const options = { headers, ...(signal === undefined ? {} : { signal }) };
      const response = await send('GET', path, options, undefined);
      if (response.ok) return response;
      throw refusal(`GET ${path}`, response.status, await response.text(), { url, keySource });
    },
  };
}

function parse<T>(schema: z.ZodType<T>, text: string, asked: string, url: string): T {
  const result = schema.safeParse(text === '' ? null : parseJson(text));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new OperatorError(
    'api_refused',
    `${url} answered ${asked} with something this version does not understand (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}). Is this a Masar, and of the same version?`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Another program's page; the schema says so.
    return undefined;
  }
}

function refusal(
  asked: string,
  status: number,
  text: string,
  { url, keySource }: { readonly url: string; readonly keySource: string },
): OperatorError {
  const problem = problemSchema.safeParse(parseJson(text)).data;
  if (status === 401 && problem?.error !== undefined) {
    return new OperatorError(
      'api_key',
      `${url} does not accept the API key of ${keySource}. Give one that works with --api-key or MASAR_API_KEY; "masar apikey create" makes one.`,
    );
  }
  const said = problem?.message ?? problem?.detail;
  if (said === undefined || problem?.error === undefined) {
    return new OperatorError(
      'api_refused',
      `${asked} was answered with ${status} and no explanation. Is ${url} a Masar?`,
    );
  }
  return new ApiRefusal(said, { status, problem: problem.error, issues: problem.issues ?? [] });
}

function unreachable(url: string, error: unknown): OperatorError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const reason = systemErrorCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
  return new OperatorError(
    'unreachable',
    `No Masar answers on ${url} (${reason}). Start one with "masar up", or say where it is with --url or MASAR_URL.`,
    error,
  );
}
