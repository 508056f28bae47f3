/** Shapes of the HTTP connector: the input of `request`, its output and the credential. */
import { z } from 'zod';

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
    bodyType: z.enum(['json', 'form', 'text']).optional().meta({
      description:
        'How the body is written: json (the default, except for a text), form (an object as a web form) or text',
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
  })
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
  headers: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .meta({ description: 'Names in lower case; set-cookie is a list' }),
  body: z.json().meta({
    description:
      'Parsed if the server says it is JSON; text otherwise; binary content as { encoding: "base64", contentType, data }; null if empty',
  }),
});
export type RequestOutput = z.output<typeof requestOutputSchema>;

export const httpCredentialSchema = z
  .strictObject({
    headers: headersSchema
      .optional()
      .meta({ description: 'Secret headers, for example X-Api-Key' }),
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
  })
  .refine(({ bearerToken, basic }) => bearerToken === undefined || basic === undefined, {
    error: 'must have either bearerToken or basic, not both',
  });
export type HttpCredential = z.output<typeof httpCredentialSchema>;

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === 'http:' || protocol === 'https:';
}
