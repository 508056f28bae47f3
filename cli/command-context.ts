/** What every command gets: where to write, and the API that it is to use. */

import { type ApiAddress, type ApiClient, createApiClient } from './api-client.ts';
import { apiKeyFile, instanceFile } from './data-files.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { instanceHolder } from './instance-lock.ts';
import { OperatorError } from './local-process.ts';
import { createQuietTerminal, createTerminal, type Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean | undefined;
  readonly url?: string | undefined;
  readonly apiKey?: string | undefined;
}

export interface CommandContext {
  /** True: stdout is for one JSON value, or for one a line. */
  readonly json: boolean;
  /** For people; says nothing on stdout with --json. */
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** @throws OperatorError `api_key` where no key is known */
  api(): ApiClient;
  /** Writes the result: as JSON with --json, else as `human` writes it. */
  result(value: unknown, human: (terminal: Terminal) => void): void;
  /** With --json, one value a line, for commands whose result comes in pieces. */
  piece(value: unknown): void;
}

export function createContext(options: GlobalOptions): CommandContext {
  const json = options.json === true;
  const terminal = json ? createQuietTerminal() : createTerminal();
  const environment = readEnvironment(process.env);
  return {
    json,
    terminal,
    environment,
    api: () => createApiClient(findApi(options, environment)),
    result: (value, human) => {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
      else human(terminal);
    },
    piece: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
  };
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * The address: --url, MASAR_URL, the Masar that runs on the data folder, else HOST and PORT.
 * The key: --api-key, MASAR_API_KEY, else the data folder's, which is sent to this machine alone.
 */
export function findApi(options: GlobalOptions, environment: Environment): ApiAddress {
  const { dataDir } = environment;
  const url = apiUrl(options, environment);
  if (options.apiKey !== undefined) return { url, key: options.apiKey, keySource: '--api-key' };
  if (environment.apiKey !== undefined) {
    return { url, key: environment.apiKey, keySource: 'MASAR_API_KEY' };
  }
  const file = apiKeyFile(dataDir);
  const key = LOOPBACK.test(new URL(url).hostname) ? file.read() : undefined;
  if (key !== undefined) return { url, key, keySource: file.path };
  throw new OperatorError(
    'api_key',
    `There is no API key for ${url}. Give one with --api-key or MASAR_API_KEY; where Masar runs on this machine, "masar up" keeps one in its data folder (here ${dataDir}), and "masar apikey create" makes more.`,
  );
}

export function apiUrl(options: GlobalOptions, environment: Environment): string {
  if (options.url !== undefined) return requireUrl(options.url);
  if (environment.url !== undefined) return environment.url;
  const { dataDir, host, port } = environment;
  const running = instanceHolder(dataDir) === undefined ? undefined : instanceFile(dataDir).read();
  return running?.apiUrl ?? `http://${browserHost(host)}:${port === 0 ? 3000 : port}`;
}

function requireUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    return text.replace(/\/+$/, '');
  }
  throw new OperatorError(
    'usage',
    `--url must be an address such as http://127.0.0.1:3000, and "${text}" is none.`,
  );
}

/** An address that listens everywhere is not one that a browser can open. */
export function browserHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
