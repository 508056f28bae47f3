import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { Database } from '../../db/connection.ts';
import { type Endpoint, openEndpoint } from '../endpoint.ts';
import { ApiError } from '../problem.ts';

const CHECK_TIMEOUT_MS = 3_000;

const checkSchema = z.object({
  status: z.enum(['up', 'down']),
  latencyMs: z.int(),
});

const readinessSchema = z
  .object({
    status: z.literal('ready'),
    checks: z.object({ postgresql: checkSchema, temporal: checkSchema }),
  })
  .meta({ id: 'Readiness' });

export interface HealthDeps {
  readonly database: Database;
  readonly client: Client;
}

export function healthRoutes({ database, client }: HealthDeps): Endpoint[] {
  const tag = 'Health';
  return [
    openEndpoint({
      method: 'get',
      path: '/health',
      operationId: 'getLiveness',
      tag,
      summary: 'Whether the process lives',
      description:
        'Asks nobody else: a database that is away is no reason to restart this process.',
      responses: {
        200: {
          description: 'It lives',
          schema: z
            .object({ status: z.literal('ok'), uptimeSeconds: z.int() })
            .meta({ id: 'Liveness' }),
        },
      },
    }).handledBy(async () => ({
      status: 200,
      body: { status: 'ok', uptimeSeconds: Math.floor(process.uptime()) },
    })),

    openEndpoint({
      method: 'get',
      path: '/automation/health',
      operationId: 'getReadiness',
      tag,
      summary: 'Whether requests can be served: PostgreSQL and Temporal answer',
      problems: [503],
      responses: { 200: { description: 'Both answer', schema: readinessSchema } },
    }).handledBy(async () => {
      const [postgresql, temporal] = await Promise.all([
        check(() => database.raw('SELECT 1')),
        check(() =>
          client.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () =>
            client.workflowService.describeNamespace({ namespace: client.options.namespace }),
          ),
        ),
      ]);
      const checks = { postgresql, temporal };
      if (postgresql.status === 'up' && temporal.status === 'up') {
        return { status: 200, body: { status: 'ready', checks } };
      }
      const away = [
        ...(postgresql.status === 'down' ? ['PostgreSQL'] : []),
        ...(temporal.status === 'down' ? ['Temporal'] : []),
      ];
      throw new ApiError(
        'not_ready',
        `${away.join(' and ')} ${away.length === 1 ? 'does' : 'do'} not answer.`,
        { retryAfterSeconds: 5, extra: { checks } },
      );
    }),
  ];
}

async function check(ask: () => PromiseLike<unknown>): Promise<z.input<typeof checkSchema>> {
  const begun = performance.now();
  const up = await Promise.race([
    Promise.resolve(ask()).then(
      () => true,
      () => false,
    ),
    new Promise<false>((resolve) => {
      setTimeout(() => resolve(false), CHECK_TIMEOUT_MS).unref();
    }),
  ]);
  return { status: up ? 'up' : 'down', latencyMs: Math.round(performance.now() - begun) };
}
