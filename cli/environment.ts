/**
 * Everything that Masar is told from outside, in one schema. `.env.example` explains each variable
 * to operators; a test holds the two together.
 */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { OperatorError } from './local-process.ts';

const port = z.coerce.number('a port number').int('a port number').min(0).max(65_535);
const flag = z
  .enum(['true', 'false', '1', '0'], 'true or false')
  .transform((v) => v === 'true' || v === '1');
const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-f:]+\]|[^\s:/]+):\d{1,5}$/i, 'host:port, such as 127.0.0.1:7233');

/** By variable. Messages complete the sentence "<VARIABLE> must be …". */
const variables = z.object({
  PORT: port.default(3000),
  HOST: z.string().default('127.0.0.1'),
  MASAR_DATA: z.string().default('.masar'),
  MASAR_URL: url(['http:', 'https:']).optional(),
  MASAR_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]*$/, 'without spaces or characters outside ASCII')
    .optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  TEMPORAL_ADDRESS: hostAndPort.optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_TLS: flag.optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional(),
  TEMPORAL_UI_URL: url(['http:', 'https:']).optional(),
  MASAR_ENCRYPTION_KEY: z
    .string()
    .refine(
      (text) => text.split(',').every(is32Bytes),
      '32 random bytes as base64 or hex, for example from "openssl rand -base64 32"',
    )
    .optional(),
  MASAR_MODE: z.enum(['sandbox', 'live'], 'sandbox or live').optional(),
  MASAR_WORKFLOW_BUNDLE: z
    .string()
    .refine(existsSync, 'a file that exists: "node scripts/bundle-workflows.ts <file>" makes it')
    .optional(),
  MASAR_ALLOW_HOSTS: list.default([]),
  MASAR_CORS_ORIGINS: list.pipe(z.array(url(['http:', 'https:']))).default([]),
  MASAR_RATE_LIMIT_PER_MINUTE: z.coerce
    .number('a whole number above 0')
    .int('a whole number above 0')
    .min(1, 'a whole number above 0')
    .default(100),
  LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'], 'error, warn, info or debug')
    .default('info'),
  MASAR_EMULATOR_HOST: z.string().default('127.0.0.1'),
  MASAR_EMULATOR_SMTP_PORT: port.optional(),
  MASAR_EMULATOR_IMAP_PORT: port.optional(),
  MASAR_EMULATOR_WHATSAPP_PORT: port.optional(),
  MASAR_EMULATOR_GOOGLE_PORT: port.optional(),
  MASAR_EMULATOR_HTTP_PORT: port.optional(),
});

/** The names of all variables of our own, for the test that holds .env.example to them. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(variables.shape);

export interface EmulatorPorts {
  readonly smtp: number;
  readonly imap: number;
  readonly whatsapp: number;
  readonly google: number;
  readonly http: number;
}

export interface Environment {
  /** Where the API listens; 0 lets the system choose. */
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly dataDir: string;
  /** The API that the command line talks to, where it is not the one of the data folder. */
  readonly url: string | undefined;
  /** Becomes the first API key where there is none yet. */
  readonly apiKey: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly temporal: {
    readonly address?: string;
    readonly namespace: string;
    readonly apiKey?: string;
    readonly tls?: boolean;
    readonly tlsServerName?: string;
    readonly tlsCaFile?: string;
    readonly tlsCertFile?: string;
    readonly tlsKeyFile?: string;
  };
  /** Address of the Web UI as people's browsers reach it. */
  readonly temporalUiUrl: string | undefined;
  readonly encryptionKey: string | undefined;
  /** File with the workflows' code, bundled beforehand; undefined: a worker bundles it itself. */
  readonly workflowBundle: string | undefined;
  /** Undefined: `live` where any provider is configured, else `sandbox`. */
  readonly mode: 'live' | 'sandbox' | undefined;
  readonly allowHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly rateLimitPerMinute: number;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly emulatorHost: string;
  /** Undefined where the emulators are not run. */
  readonly emulatorPorts: EmulatorPorts | undefined;
  /** The whole environment, for the connectors' `credential.fromEnvironment`. */
  readonly providers: Readonly<Record<string, string | undefined>>;
}

/** What the API and the workers need besides: the servers, which `up` has started or was told. */
export interface RoleEnvironment extends Environment {
  readonly databaseUrl: string;
  readonly temporal: Environment['temporal'] & { readonly address: string };
  readonly encryptionKey: string;
}

/** Reads `.env` in the folder, if there is one, into process.env; what is set already stays. */
export function loadEnvFile(folder: string): void {
  const path = resolve(folder, '.env');
  if (existsSync(path)) process.loadEnvFile(path);
}

/**
 * @param source usually process.env; empty values count as not set
 * @throws OperatorError `environment` that names every wrong variable at once, without its value
 */
export function readEnvironment(source: Readonly<Record<string, string | undefined>>): Environment {
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = variables.safeParse(given);
  const problems = result.success ? [] : result.error.issues.map(sentence);
  for (const [one, other] of TOGETHER) {
    if (given[one] !== undefined && given[other] === undefined) {
      problems.push(`${one} is set and ${other} is not; they go together.`);
    }
  }
  if (!result.success || problems.length > 0) throw wrong(problems);
  return toEnvironment(result.data, source);
}

/**
 * @throws OperatorError `environment` that names every variable that the role lacks
 */
export function requireRoleEnvironment(environment: Environment, role: string): RoleEnvironment {
  const { databaseUrl, temporal, encryptionKey } = environment;
  const { address } = temporal;
  if (databaseUrl !== undefined && address !== undefined && encryptionKey !== undefined) {
    return { ...environment, databaseUrl, temporal: { ...temporal, address }, encryptionKey };
  }
  const missing = [
    ...(databaseUrl === undefined ? ['DATABASE_URL'] : []),
    ...(address === undefined ? ['TEMPORAL_ADDRESS'] : []),
    ...(encryptionKey === undefined ? ['MASAR_ENCRYPTION_KEY'] : []),
  ];
  throw wrong(missing.map((name) => `${name} must be set to run ${role} by itself.`));
}

const TOGETHER = [
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
  ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_CLIENT_CERT_PATH'],
] as const;

function wrong(problems: readonly string[]): OperatorError {
  return new OperatorError(
    'environment',
    `The environment is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSet the variables in the shell or in .env; .env.example explains each.`,
  );
}

function sentence(issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0]);
  switch (issue.code) {
    case 'too_small':
    case 'too_big':
      return name.endsWith('PORT')
        ? `${name} must be a port number, 0 to 65535.`
        : `${name} must be ${issue.message}.`;
    default:
      return `${name} must be ${issue.message}.`;
  }
}

function is32Bytes(text: string): boolean {
  const key = text.trim();
  return (
    /^[0-9a-f]{64}$/i.test(key) ||
    (/^[A-Za-z0-9+/_-]{43}=?$/.test(key) && Buffer.from(key, 'base64').length === 32)
  );
}

function toEnvironment(
  values: z.infer<typeof variables>,
  source: Readonly<Record<string, string | undefined>>,
): Environment {
  return {
    port: values.PORT,
    host: values.HOST,
    dataDir: resolve(values.MASAR_DATA),
    url: values.MASAR_URL?.replace(/\/+$/, ''),
    apiKey: values.MASAR_API_KEY,
    databaseUrl: values.DATABASE_URL,
    temporal: {
      namespace: values.TEMPORAL_NAMESPACE,
      ...defined({
        address: values.TEMPORAL_ADDRESS,
        apiKey: values.TEMPORAL_API_KEY,
        tls: values.TEMPORAL_TLS,
        tlsServerName: values.TEMPORAL_TLS_SERVER_NAME,
        tlsCaFile: values.TEMPORAL_TLS_SERVER_CA_CERT_PATH,
        tlsCertFile: values.TEMPORAL_TLS_CLIENT_CERT_PATH,
        tlsKeyFile: values.TEMPORAL_TLS_CLIENT_KEY_PATH,
      }),
    },
    temporalUiUrl: values.TEMPORAL_UI_URL?.replace(/\/+$/, ''),
    encryptionKey: values.MASAR_ENCRYPTION_KEY,
    workflowBundle: values.MASAR_WORKFLOW_BUNDLE,
    mode: values.MASAR_MODE,
    allowHosts: values.MASAR_ALLOW_HOSTS,
    corsOrigins: values.MASAR_CORS_ORIGINS,
    rateLimitPerMinute: values.MASAR_RATE_LIMIT_PER_MINUTE,
    logLevel: values.LOG_LEVEL,
    emulatorHost: values.MASAR_EMULATOR_HOST,
    emulatorPorts: emulatorPorts(values),
    providers: source,
  };
}

function emulatorPorts(values: z.infer<typeof variables>): EmulatorPorts | undefined {
  const smtp = values.MASAR_EMULATOR_SMTP_PORT;
  const imap = values.MASAR_EMULATOR_IMAP_PORT;
  const whatsapp = values.MASAR_EMULATOR_WHATSAPP_PORT;
  const google = values.MASAR_EMULATOR_GOOGLE_PORT;
  const http = values.MASAR_EMULATOR_HTTP_PORT;
  if (
    smtp === undefined ||
    imap === undefined ||
    whatsapp === undefined ||
    google === undefined ||
    http === undefined
  ) {
    return undefined;
  }
  return { smtp, imap, whatsapp, google, http };
}

/** Leaves out what is undefined. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const result: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in object) {
    const value = object[key];
    if (isDefined(value)) result[key] = value;
  }
  return result;
}

function isDefined<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}
