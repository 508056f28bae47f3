/** A web API of the test's own: each path answers what the test says, and remembers who asked. */
import type { ServerResponse } from 'node:http';
import { startRecordingServer } from '../../connectors/recording-server.ts';

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
/** `hang`: no answer at all. A function answers when it likes. */
export type Scripted = Reply | 'hang' | (() => Promise<Reply>);

export interface WebApi {
  /** host:port, for MASAR_ALLOW_HOSTS */
  readonly host: string;
  /** Answers the path's requests one after the other, the last one for ever. @returns its address */
  on(path: string, ...replies: Scripted[]): string;
  /** When the path was asked, in milliseconds since the epoch. */
  asked(path: string): readonly number[];
  close(): Promise<void>;
}

const OK: Reply = { status: 200, body: { ok: true } };

export async function startWebApi(): Promise<WebApi> {
  const scripts = new Map<string, Scripted[]>();
  const times = new Map<string, number[]>();
  const server = await startRecordingServer((request, response) => {
    const path = request.url ?? '/';
    const asked = times.get(path) ?? [];
    times.set(path, [...asked, Date.now()]);
    const script = scripts.get(path) ?? [];
    const scripted = script[Math.min(asked.length, script.length - 1)] ?? OK;
    if (scripted === 'hang') return;
    if (typeof scripted === 'function') scripted().then((reply) => write(response, reply));
    else write(response, scripted);
  });
  return {
    host: server.host,
    on: (path, ...replies) => {
      scripts.set(path, replies);
      return `${server.url}${path}`;
    },
    asked: (path) => times.get(path) ?? [],
    close: server.close,
  };
}

function write(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body ?? null));
}
