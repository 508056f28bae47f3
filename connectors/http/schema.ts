/** Shapes of the HTTP connector: the input of `request`, its output and the credential. */
import { z } from 'zod';
import { MAX_PAGES, paginationSchema } from './pagination-schema.ts';

/** Beyond this, servers and proxies answer 414 or 431. */
export const MAX_URL_LENGTH = 8_192;

export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/** These frame the message or belong to the connection: a value of one's own breaks or forges it. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A field name, https://www.rfc-editor.org/rfc/rfc9110#section-5.1 */
const headerNameSchema = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'must be a header name such as X-Request-Source')
  .refine((name) => !OWN_HEADERS.has(name.toLowerCase()), {
    error: 'is a header that only the connection itself may set',
  });

/** A field value, https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
const headerValueSchema = z
  .union([z.string(), z.number(), z.boolean()])
  .refine((value) => /^[\t\u0020-\u007e]{0,8192}$/.test(String(value)), {
    error:
      'must be one line of ASCII characters; pass other text through the filter url_encode, or send it in the body',
  });

const headersSchema = z.record(headerNameSchema, headerValueSchema);

const scalarSchema = z.union([z.string(), z.number(), z.boolean()]);
const statusSchema = z.number().int().min(200).max(599);

export const requestInputSchema = z
  .strictObject({
    method: z.enum(METHODS).default('GET').meta({ description: 'The HTTP method' }),
    url: z
      .string()
      .max(MAX_URL_LENGTH)
      .refine(isWebAddress, {
        error: 'must be a whole web address, for example https://example.com/path',
      })
      .meta({ description: 'The address to request', example: 'https://example.com/leads' }),
    headers: headersSchema.optional().meta({
      description: 'Headers to send. Secrets belong in a credential, not here.',
      example: { 'X-Source': 'masar' },
    }),
    query: z
      .record(z.string(), z.union([scalarSchema, z.null(), z.array(scalarSchema)]))
      .optional()
      .meta({
        description: 'Added to the address; a list repeats the name, null leaves it out',
        example: { page: 1 },
      }),
    body: z.json().optional().meta({ description: 'What to send; see bodyType for its form' }),
    bodyType: z.enum(['json', 'form', 'text', 'multipart']).optional().meta({
      description:
        'How the body is written: json (the default, except for a text), form (an object as a web form), text, or multipart (a form with files). In multipart a value { filename?, contentType?, contentBase64 or url } is a file.',
    }),
    idempotencyHeader: headerNameSchema.optional().meta({
      description:
        'The header by which this server recognises a repeated request. With it, a POST or PATCH is safely retried.',
      example: 'Idempotency-Key',
    }),
    successStatus: z
      .union([statusSchema, z.array(statusSchema).min(1)])
      .optional()
      .meta({
        description: 'The status or statuses that count as success; 200 to 299 if left out',
      }),
    responseType: z.enum(['auto', 'json', 'text', 'binary']).optional().meta({
      description:
        'How the answer is read; auto (the default) goes by what the server says it is. binary answers as base64.',
    }),
    redirects: z.enum(['follow', 'return', 'refuse']).optional().meta({
      description:
        'follow (the default, up to 5; a credential goes to no other host), return (the redirect is the answer) or refuse (a redirect fails the node)',
    }),
    pagination: paginationSchema.optional().meta({
      description: `Fetches the following pages too, up to ${MAX_PAGES}, and answers with all items in one list; for GET only`,
    }),
  })
  .refine(({ method, pagination }) => pagination === undefined || method === 'GET', {
    path: ['pagination'],
    error: 'only a GET can fetch page after page',
  })
  .refine(
    ({ responseType, pagination }) =>
      pagination === undefined || responseType === undefined || /auto|json/.test(responseType),
    { path: ['responseType'], error: 'pages are JSON: leave it out or set json' },
  )
  .meta({ description: 'An HTTP request' });
export type RequestInput = z.output<typeof requestInputSchema>;

/** The body of an answer that is neither JSON nor text. */
export const binaryBodySchema = z.object({
  encoding: z.literal('base64'),
  contentType: z.string(),
  data: z.string(),
});

export const requestOutputSchema = z.object({
  status: z.number().int().meta({ example: 200 }),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).meta({
    description: 'Names in lower case; set-cookie is a list. Of the last page, of several',
  }),
  body: z.json().meta({
    description:
      'Parsed if the server says it is JSON; text otherwise; binary content as { encoding: "base64", contentType, data }; null if empty. With pagination: the list of all items',
  }),
  pages: z.number().int().optional().meta({ description: 'With pagination: pages fetched' }),
  complete: z.boolean().optional().meta({
    description: 'With pagination: false if maxPages or maxItems ended it before the last page',
  }),
});
export type RequestOutput = z.output<typeof requestOutputSchema>;

const oauth2Schema = z
  .strictObject({
    tokenUrl: z
      .url({ protocol: /^https?$/ })
      .meta({ description: 'Where tokens are issued', example: 'https://auth.example.com/token' }),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    scope: z.string().optional().meta({ description: 'Scopes, separated by spaces' }),
    audience: z.string().optional(),
    clientAuthentication: z.enum(['basic', 'body']).default('basic').meta({
      description: 'How id and secret are sent: in an Authorization header, or in the form',
    }),
  })
  .meta({ description: 'OAuth 2.0 client credentials: a token is fetched, kept and renewed' });
export type ClientCredentials = z.output<typeof oauth2Schema>;

export const httpCredentialSchema = z
  .strictObject({
    headers: headersSchema
      .optional()
      .meta({ description: 'Secret headers, for example X-Api-Key' }),
    query: z
      .record(z.string().min(1), z.string())
      .optional()
      .meta({ description: 'Secret query parameters, for APIs that take their key there' }),
    bearerToken: z
      .string()
      .regex(/^[\u0021-\u007e]+$/, 'must have no spaces or line breaks')
      .optional()
      .meta({ description: 'Sent as Authorization: Bearer …' }),
    basic: z
      .strictObject({
        user: z.string().refine((user) => !user.includes(':'), { error: 'must have no colon' }),
        password: z.string(),
      })
      .optional()
      .meta({ description: 'Sent as Authorization: Basic …' }),
    oauth2: oauth2Schema.optional(),
  })
  .refine(
    ({ bearerToken, basic, oauth2 }) =>
      [bearerToken, basic, oauth2].filter((given) => given !== undefined).length <= 1,
    { error: 'must have one of bearerToken, basic and oauth2, not several' },
  );
export type HttpCredential = z.output<typeof httpCredentialSchema>;

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === 'http:' || protocol === 'https:';
}
