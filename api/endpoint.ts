/**
 * An endpoint is a value: what it takes and answers as schemas, and what it does. Express routes
 * (router.ts) and the OpenAPI document (openapi.ts) are both made from it, so they can't differ.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { JsonObject } from '../workflows/graph/json.ts';
import { toJsonObject } from './fields.ts';
import { ApiError } from './problem.ts';
import { relay } from './relayed-answer.ts';
import { toIssues } from './zod-issues.ts';

/** Who asks: an API key, bound to one project. */
export interface Caller {
  readonly keyId: string;
  /** What people called the key: how they see who did something. */
  readonly keyName: string;
  readonly projectId: string;
  readonly scopes: readonly string[];
}

/** What every handler may know of a request besides its parts. */
export interface RequestContext {
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export interface ResponseSpec {
  readonly description: string;
  /** Absent: the answer has no body. */
  readonly schema?: z.ZodType;
}
type ResponseSpecs = Readonly<Record<number, ResponseSpec>>;

/** An answer whose body fits the schema of its status. */
export type AnswerOf<Responses extends ResponseSpecs> = {
  [Status in keyof Responses & number]: Responses[Status] extends {
    readonly schema: infer Schema extends z.ZodType;
  }
    ? { readonly status: Status; readonly body: z.input<Schema> }
    : { readonly status: Status };
}[keyof Responses & number];

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  /** Present in a RelayedAnswer only. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer of an automation itself: its author chose status, body and headers. */
export interface RelayedAnswer extends Answer {
  readonly headers: Readonly<Record<string, string>>;
}

interface EndpointBase {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below the base path, parameters in braces: `/workflows/{workflowId}`. */
  readonly path: string;
  /** Name of the endpoint in generated clients. */
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Kinds of refusal that this endpoint has besides those that follow from its parts. */
  readonly problems?: readonly (401 | 404 | 409 | 413 | 415 | 422 | 429 | 503)[];
  /** Media types of the body, where they are not JSON alone. */
  readonly bodyTypes?: readonly string[];
  /** Describes the RelayedAnswer that the endpoint may give, whose status nobody knows before. */
  readonly relayed?: string;
}

/** What the parts of a request must be. Absent: there is no such part. */
interface Parts<
  Params extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
  Body extends z.ZodType | undefined,
> {
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

interface HandlerInput<Params, Query, Body> extends RequestContext {
  readonly params: Parsed<Params>;
  readonly query: Parsed<Query>;
  readonly body: Parsed<Body>;
}

/** The parts of a request as they came. */
export interface RawParts {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** An endpoint with its types folded away, as the router and the OpenAPI document use it. */
export interface Endpoint extends EndpointBase {
  /** `open`: needs no key. */
  readonly auth: 'key' | 'open';
  /**
   * How an Idempotency-Key is honoured: `stored`, the first answer is kept and given again;
   * `own`, the handler sees to it.
   */
  readonly idempotency: 'none' | 'stored' | 'own';
  readonly parts: {
    readonly params?: z.ZodType | undefined;
    readonly query?: z.ZodType | undefined;
    readonly body?: z.ZodType | undefined;
  };
  readonly responses: ResponseSpecs;
  readonly action:
    | {
        readonly kind: 'json';
        run(raw: RawParts, context: RequestContext, caller: Caller | undefined): Promise<Answer>;
      }
    | {
        readonly kind: 'raw';
        /** Media types that the answer may have. */
        readonly mediaTypes: readonly string[];
        run(
          raw: RawParts,
          context: RequestContext,
          caller: Caller | undefined,
          http: { readonly request: Request; readonly response: Response },
        ): Promise<void>;
      };
}

/**
 * An endpoint that answers JSON to the holder of a key. What it is and what it does are two calls,
 * so that the compiler knows the answers' schemas when it reads the handler.
 */
export function endpoint<
  const Responses extends ResponseSpecs,
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  spec: EndpointBase &
    Parts<Params, Query, Body> & {
      readonly idempotency?: 'stored' | 'own';
      readonly responses: Responses;
    },
) {
  const { params, query, body, idempotency, ...rest } = spec;
  return {
    handledBy(
      handle: (
        input: HandlerInput<Params, Query, Body> & { readonly caller: Caller },
      ) => Promise<AnswerOf<Responses> | RelayedAnswer>,
    ): Endpoint {
      return {
        ...rest,
        auth: 'key',
        idempotency: idempotency ?? 'none',
        parts: { params, query, body },
        action: {
          kind: 'json',
          async run(raw, context, caller) {
            return handle({
              ...context,
              caller: requireCaller(caller),
              params: parse<Params>(params, raw.params, 'params'),
              query: parse<Query>(query, knownParameters(query, raw.query), 'query'),
              body: parse<Body>(body, raw.body, 'body'),
            });
          },
        },
      };
    },
  };
}

/** An endpoint that answers JSON to anyone, such as a liveness probe. */
export function openEndpoint<const Responses extends ResponseSpecs>(
  spec: EndpointBase & { readonly responses: Responses },
) {
  return {
    handledBy(handle: (context: RequestContext) => Promise<AnswerOf<Responses>>): Endpoint {
      return {
        ...spec,
        auth: 'open',
        idempotency: 'none',
        parts: {},
        action: { kind: 'json', run: async (_raw, context) => handle(context) },
      };
    },
  };
}

/** A request to a hook as it came. */
export interface HookRequest<Params> extends RequestContext {
  readonly params: Params;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly query: JsonObject;
  readonly body: Buffer;
  /** Address of the sender. */
  readonly from: string;
}

/** An endpoint that others call by their own rules: no key, any body, which is left as it came. */
export function hookEndpoint<
  const Responses extends ResponseSpecs,
  Params extends z.ZodType<Readonly<Record<string, string>>>,
>(
  spec: EndpointBase & {
    readonly params: Params;
    readonly mediaType?: string;
    readonly responses: Responses;
  },
) {
  const { params, mediaType = 'application/json', ...rest } = spec;
  return {
    handledBy(
      handle: (
        request: HookRequest<Parsed<Params>>,
      ) => Promise<AnswerOf<Responses> | RelayedAnswer>,
    ): Endpoint {
      return {
        ...rest,
        auth: 'open',
        idempotency: 'none',
        parts: { params },
        action: {
          kind: 'raw',
          mediaTypes: [mediaType],
          async run(raw, context, _caller, { request, response }) {
            const answer: Answer = await handle({
              ...context,
              params: parse<Params>(params, raw.params, 'params'),
              method: request.method,
              headers: request.headers,
              query: toJsonObject(queryFields.parse(raw.query)),
              body: Buffer.isBuffer(raw.body) ? raw.body : Buffer.alloc(0),
              from: request.ip ?? '',
            });
            if (answer.headers !== undefined) {
              relay(response, { ...answer, headers: answer.headers });
            } else if (typeof answer.body === 'string') {
              response.status(answer.status).type('text/plain').send(answer.body);
            } else response.status(answer.status).json(answer.body);
          },
        },
      };
    },
  };
}

/** As the simple query parser leaves it: a repeated parameter is a list. */
const queryFields = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

/** An endpoint for the holder of a key that writes its answer itself (a stream, plain text). */
export function rawEndpoint<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
>(
  spec: EndpointBase &
    Parts<Params, Query, undefined> & {
      readonly mediaType: string | readonly string[];
      readonly responses: ResponseSpecs;
    },
) {
  const { params, query, mediaType, ...rest } = spec;
  return {
    handledBy(
      handle: (
        input: HandlerInput<Params, Query, undefined> & { readonly caller: Caller },
        http: { readonly request: Request; readonly response: Response },
      ) => Promise<void>,
    ): Endpoint {
      return {
        ...rest,
        auth: 'key',
        idempotency: 'none',
        parts: { params, query },
        action: {
          kind: 'raw',
          mediaTypes: typeof mediaType === 'string' ? [mediaType] : mediaType,
          async run(raw, context, caller, http) {
            await handle(
              {
                ...context,
                caller: requireCaller(caller),
                params: parse<Params>(params, raw.params, 'params'),
                query: parse<Query>(query, knownParameters(query, raw.query), 'query'),
                body: undefined,
              },
              http,
            );
          },
        },
      };
    },
  };
}

function requireCaller(caller: Caller | undefined): Caller {
  if (caller === undefined) throw new Error('An endpoint with a key was reached without one.');
  return caller;
}

/** Problems that the sentence of a refusal tells; its `issues` hold all of them. */
const TOLD_PROBLEMS = 5;

function told(issues: readonly { readonly message: string }[]): string {
  const shown = issues.slice(0, TOLD_PROBLEMS).map(({ message }) => message);
  const more = issues.length - shown.length;
  return `${shown.join(' ')}${more === 0 ? '' : ` And ${more} more.`}`;
}

/**
 * A misspelt parameter that is passed over answers another question than was asked.
 * @returns the query as it is
 * @throws ApiError `malformed_request` naming the parameters that the endpoint doesn't know
 */
function knownParameters(schema: z.ZodType | undefined, query: unknown): unknown {
  // Other schemas say by themselves which names they take.
  if (schema !== undefined && !(schema instanceof z.ZodObject)) return query;
  if (schema?.def.catchall !== undefined || typeof query !== 'object' || query === null) {
    return query;
  }
  const known = Object.keys(schema?.shape ?? {});
  const unknown = Object.keys(query).filter((name) => !known.includes(name));
  if (unknown.length === 0) return query;
  const choice = known.length === 0 ? 'There are none here.' : `Known ones: ${known.join(', ')}.`;
  const issues = unknown.map((name) => ({
    code: 'unknown_parameter',
    severity: 'error' as const,
    pointer: name,
    message: `Parameter ${name} is not known here. ${choice}`,
  }));
  throw new ApiError(
    'malformed_request',
    `${unknown.length === 1 ? 'Parameter' : 'Parameters'} ${unknown.join(', ')} ${unknown.length === 1 ? 'is' : 'are'} not known here. ${choice}`,
    { issues },
  );
}

function parse<Schema extends z.ZodType | undefined>(
  schema: Schema | undefined,
  value: unknown,
  part: 'params' | 'query' | 'body',
): Parsed<Schema>;
function parse(
  schema: z.ZodType | undefined,
  value: unknown,
  part: 'params' | 'query' | 'body',
): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = toIssues(result.error.issues);
  if (part === 'body') {
    throw new ApiError(
      'invalid_request',
      `The body has ${issues.length === 1 ? 'a problem' : `${issues.length} problems`}: ${told(issues)}`,
      { issues },
    );
  }
  const named = issues.map((issue) => ({
    ...issue,
    pointer: issue.pointer.slice(1),
    message: issue.message.replace(issue.pointer, `Parameter ${issue.pointer.slice(1)}`),
  }));
  throw new ApiError('malformed_request', named[0]?.message ?? 'A parameter is malformed.', {
    issues: named,
  });
}
