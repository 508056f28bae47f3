import { cancellationSignal } from '@temporalio/activity';
import { Agent, request } from 'undici';
import type { CodeRunner } from '../../connectors/code/code-runner.ts';
import type { Json, JsonObject } from '../../connectors/contract.ts';
import { SCORE_CODE } from '../graph.ts';

export interface Send {
  readonly url: string;
  /** Sent as Idempotency-Key, so that the provider recognises a repetition. */
  readonly key: string;
  readonly body: JsonObject;
}

/** The activities of the hand-written workflows. */
export interface Steps {
  send(send: Send): Promise<{ readonly id: string }>;
  score(input: JsonObject): Promise<Json>;
}

const MAX_CONNECTIONS = 128;

/** The same HTTP client and the same sandbox as Masar's nodes use. */
export function createSteps(sandbox: CodeRunner): { steps: Steps; close(): Promise<void> } {
  const agent = new Agent({ connections: MAX_CONNECTIONS, pipelining: 1 });
  return {
    steps: {
      async send({ url, key, body }) {
        const response = await request(url, {
          method: 'POST',
          dispatcher: agent,
          headers: { 'content-type': 'application/json', 'idempotency-key': key },
          body: JSON.stringify(body),
          signal: cancellationSignal(),
        });
        const answer = await response.body.json();
        if (response.statusCode !== 200 || !isAccepted(answer)) {
          throw new Error(`The provider answered ${response.statusCode}.`);
        }
        return { id: answer.id };
      },
      async score(input) {
        const { value } = await sandbox.run({
          code: SCORE_CODE,
          input,
          timeoutMs: 5_000,
          memoryMb: 64,
          signal: cancellationSignal(),
          key: '',
        });
        return value;
      },
    },
    close: () => agent.close(),
  };
}

function isAccepted(answer: unknown): answer is { readonly id: string } {
  return (
    answer !== null && typeof answer === 'object' && 'id' in answer && typeof answer.id === 'string'
  );
}
