/** How to reach a user's own PostgreSQL. */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';

const DEFAULT_PORT = 5432;

const sslSchema = z.enum(['verify', 'require', 'disable']).meta({
  description:
    'verify: encrypted, and the server’s certificate is checked. require: encrypted only. disable: not encrypted.',
});
const ca = z
  .string()
  .refine(isCertificate, {
    error: 'must be a certificate in PEM form, from -----BEGIN CERTIFICATE----- on',
  })
  .optional()
  .meta({
    description:
      'Certificate of the authority that signed the server’s, in PEM form, where it is not a public one',
  });
const hostSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,253}$/, 'must be a host name or an IP address')
  .meta({ example: 'db.example.com' });

export const credentialSchema = z.union([
  z
    .strictObject({
      host: hostSchema,
      port: z.number().int().min(1).max(65_535).default(DEFAULT_PORT),
      database: z.string().min(1).max(200),
      user: z.string().min(1).max(200),
      password: z.string().max(1_000),
      ssl: sslSchema.default('verify'),
      ca,
    })
    .meta({ description: 'The parts one by one' }),
  z
    .strictObject({
      connectionString: z
        .string()
        .refine((text) => readConnectionString(text) !== undefined, {
          error:
            'must be postgresql://user:password@host:port/database, with nothing after it but ?sslmode=…',
        })
        .meta({
          example: 'postgresql://user:password@db.example.com:5432/crm?sslmode=verify-full',
        }),
      ca,
    })
    .meta({ description: 'All in one address, as hosting providers give it' }),
]);
export type PostgresCredential = z.output<typeof credentialSchema>;

export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly ssl: z.output<typeof sslSchema>;
  readonly ca: string | undefined;
}

export function addressOf(credential: PostgresCredential): PostgresAddress {
  if ('host' in credential) return { ...credential, ca: credential.ca };
  const address = readConnectionString(credential.connectionString);
  if (address === undefined) throw new TypeError('The schema lets no other address through.');
  return { ...address, ca: credential.ca };
}

/** https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
const SSL_MODES: Readonly<Record<string, PostgresAddress['ssl']>> = {
  disable: 'disable',
  require: 'require',
  'verify-ca': 'verify',
  'verify-full': 'verify',
};

/**
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 *
 * Other parameters are refused: some of them name files of this machine.
 */
function readConnectionString(text: string): Omit<PostgresAddress, 'ca'> | undefined {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const parameters = [...url.searchParams.keys()];
  const ssl = SSL_MODES[url.searchParams.get('sslmode') ?? 'verify-full'];
  const host = hostSchema.safeParse(url.hostname.replace(/^\[|\]$/g, ''));
  const database = decoded(url.pathname.slice(1));
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (!host.success || ssl === undefined || parameters.some((name) => name !== 'sslmode')) {
    return undefined;
  }
  if (!database || !user || password === undefined) return undefined;
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  return { host: host.data, port, database, user, password, ssl };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Every certificate of a PEM text must be readable, or TLS would fail later with less to say. */
function isCertificate(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).raw.length > 0);
  } catch {
    return false;
  }
}
