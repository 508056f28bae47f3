/** The composition of the API: services out of repositories, endpoints out of services, one app. */
import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import cors from 'cors';
import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import { describeError, type Logger } from '../cli/logger.ts';
import type { ConnectorManifest } from '../connectors/contract.ts';
import { createAdmission } from '../db/admission.ts';
import type { Database } from '../db/connection.ts';
import type { ExecutionListener } from '../db/execution-listener.ts';
import { createLedger } from '../db/ledger.ts';
import { createApiKeyRepository } from '../db/repositories/api-keys.ts';
import { createCredentialRepository } from '../db/repositories/credentials.ts';
import { createDefinitionVersionRepository } from '../db/repositories/definition-versions.ts';
import { createDefinitionRepository } from '../db/repositories/definitions.ts';
import { createEventRepository } from '../db/repositories/events.ts';
import { createExecutionLogRepository } from '../db/repositories/execution-logs.ts';
import { createExecutionRepository } from '../db/repositories/executions.ts';
import { createIdempotencyKeyRepository } from '../db/repositories/idempotency-keys.ts';
import { createInboundChannelRepository } from '../db/repositories/inbound-channels.ts';
import { createLeadRepository } from '../db/repositories/leads.ts';
import { createMetricsRepository } from '../db/repositories/metrics.ts';
import { createPinRepository } from '../db/repositories/pins.ts';
import { createSandboxMessageRepository } from '../db/repositories/sandbox-messages.ts';
import { createTriggerRepository } from '../db/repositories/triggers.ts';
import { createWebhookRepository } from '../db/repositories/webhooks.ts';
import type { Vault } from '../db/vault.ts';
import { createCredentialChecker } from '../temporal/check-credential.ts';
import { logAccess } from './access-log.ts';
import { createAuthenticator } from './authentication.ts';
import { docsRouter } from './docs-page.ts';
import type { Endpoint } from './endpoint.ts';
import { createExecutionControl } from './execution-control.ts';
import { createExecutionReader } from './execution-reader.ts';
import { createInboundService } from './inbound-service.ts';
import { createOpenApiDocument } from './openapi.ts';
import { createPlanCache } from './plan-cache.ts';
import { ApiError, toProblem } from './problem.ts';
import { createRateCounter } from './rate-counter.ts';
import { limitRate } from './rate-limit.ts';
import { readJsonBody } from './request-body.ts';
import { assignRequestId, requestIdOf } from './request-id.ts';
import { createRetryService } from './retry-service.ts';
import { createRouter } from './router.ts';
import { automationRoutes } from './routes/automation.ts';
import { connectorRoutes } from './routes/connectors.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { definitionFileRoutes } from './routes/definition-files.ts';
import { definitionVersionRoutes } from './routes/definition-versions.ts';
import { definitionRoutes } from './routes/definitions.ts';
import { draftTestRoutes } from './routes/draft-tests.ts';
import { eventRoutes } from './routes/events.ts';
import { executionActRoutes } from './routes/execution-acts.ts';
import { executionEventRoutes } from './routes/execution-events.ts';
import { executionRoutes } from './routes/executions.ts';
import { healthRoutes } from './routes/health.ts';
import { hookRoutes } from './routes/hooks.ts';
import { inboundRoutes } from './routes/inbound.ts';
import { leadRoutes } from './routes/leads.ts';
import { monitoringRoutes } from './routes/monitoring.ts';
import { outboxRoutes } from './routes/outbox.ts';
import { singleNodeRoutes } from './routes/single-nodes.ts';
import { triggerRoutes } from './routes/triggers.ts';
import { sandboxRouter } from './sandbox-page.ts';
import type { ApiSettings } from './settings.ts';
import type { StartDispatcher } from './start-dispatcher.ts';
import { createStartService } from './start-service.ts';
import { createTestService } from './test-service.ts';
import { toApiError } from './translate-error.ts';
import { createWebhookService } from './webhook-service.ts';

export interface ApiDeps {
  readonly settings: ApiSettings;
  readonly database: Database;
  readonly client: Client;
  readonly listener: ExecutionListener;
  readonly dispatcher: StartDispatcher;
  readonly catalog: readonly ConnectorManifest[];
  readonly vault: Vault;
  readonly logger: Logger;
  /** Aborted when the process shuts down, so that streams end. */
  readonly shutdown: AbortSignal;
}

/** Where others call by their own rules: signatures are over the bytes as they came. */
const HOOK_PATHS = /^\/(?:hooks|inbound\/[^/]+)\/[\w-]{20,}$/;
/** Requests to one webhook in a minute; its sender is told to try again later. */
const HOOK_RATE_PER_MINUTE = 600;

/** Everything that the API answers below /api, besides its documentation. */
export function createEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { settings, database, client, catalog, vault } = deps;
  const definitions = createDefinitionRepository(database);
  const versions = createDefinitionVersionRepository(database);
  const executions = createExecutionRepository(database);
  const logs = createExecutionLogRepository(database);
  const credentials = createCredentialRepository(database);
  const reader = createExecutionReader({ executions, logs, listener: deps.listener });
  const control = createExecutionControl({ client, ledger: createLedger(database) });
  const admission = createAdmission(database);
  const retries = createRetryService({
    admission,
    settings,
    catalog,
    executions,
    credentials,
    dispatcher: deps.dispatcher,
    fingerprint: vault.fingerprint,
  });
  const starts = createStartService({
    admission,
    settings,
    catalog,
    executions,
    credentials,
    events: createEventRepository(database),
    plans: createPlanCache(definitions),
    dispatcher: deps.dispatcher,
    fingerprint: vault.fingerprint,
  });
  const tests = createTestService({
    admission,
    settings,
    catalog,
    definitions,
    executions,
    credentials,
    pins: createPinRepository(database),
    dispatcher: deps.dispatcher,
    fingerprint: vault.fingerprint,
  });
  const webhooks = createWebhookRepository(database, vault);
  const rates = createRateCounter(HOOK_RATE_PER_MINUTE);
  const leads = createLeadRepository(database);
  return [
    ...definitionRoutes({ definitions, catalog }),
    ...definitionVersionRoutes({ definitions, versions, catalog }),
    ...definitionFileRoutes({ definitions, versions, catalog }),
    ...draftTestRoutes({ settings, tests, reader }),
    ...executionRoutes({ settings, starts, executions, reader, logs }),
    ...executionActRoutes({ settings, retries, reader, control }),
    ...executionEventRoutes({ settings, reader, logs, shutdown: deps.shutdown }),
    ...leadRoutes({ leads }),
    ...eventRoutes({ starts }),
    ...credentialRoutes({
      credentials,
      catalog,
      vault,
      check: createCredentialChecker({ client }),
    }),
    ...triggerRoutes({ triggers: createTriggerRepository(database), webhooks }),
    ...hookRoutes({
      reader,
      webhooks: createWebhookService({
        webhooks,
        credentials,
        vault,
        starts,
        rates,
        logger: deps.logger,
      }),
    }),
    ...inboundRoutes({
      channels: createInboundChannelRepository(database, vault),
      inbound: createInboundService({ leads, starts }),
      rates,
    }),
    ...connectorRoutes(catalog),
    ...outboxRoutes(createSandboxMessageRepository(database)),
    ...singleNodeRoutes({ starts }),
    ...automationRoutes({ settings, reader, logs }),
    ...monitoringRoutes({ metrics: createMetricsRepository(database), client }),
    ...healthRoutes({ database, client }),
  ];
}

/** The OpenAPI document of all endpoints. Asks nobody. */
export function createApiDocument(deps: ApiDeps): ReturnType<typeof createOpenApiDocument> {
  return createOpenApiDocument(createEndpoints(deps), productVersion());
}

export function createApp(deps: ApiDeps): Express {
  const { settings, database, vault, logger } = deps;
  const endpoints = createEndpoints(deps);
  const authenticator = createAuthenticator(createApiKeyRepository(database).identify);
  const document = createOpenApiDocument(endpoints, productVersion());

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(assignRequestId(), logAccess(logger), secureHeaders());
  app.use(
    sandboxRouter({
      host: settings.host,
      messages: createSandboxMessageRepository(database),
      authenticator,
    }),
  );

  const api = express.Router();
  api.use(
    cors({
      origin: [...settings.corsOrigins],
      exposedHeaders: [
        'x-request-id',
        'x-execution-id',
        'retry-after',
        'ratelimit',
        'ratelimit-policy',
      ],
      maxAge: 600,
    }),
    refuseUndecodable,
  );
  api.get('/openapi.json', (_request, response) => void response.json(document));
  api.use(docsRouter('/api'));
  api.use('/automation', limitRate(settings.rateLimitPerMinute, authenticator));
  api.use(
    ...readJsonBody({
      textPaths: endpoints
        .filter(({ bodyTypes }) => bodyTypes !== undefined)
        .map(({ path }) => path),
      rawPaths: HOOK_PATHS,
    }),
    createRouter({
      endpoints,
      authenticator,
      idempotency: {
        keys: createIdempotencyKeyRepository(database),
        fingerprint: vault.fingerprint,
      },
    }),
  );
  app.get('/', (_request, response) => void response.redirect('/api/docs'));
  app.use('/api/v1', api);
  app.use('/api', api);
  app.use(() => {
    throw new ApiError('route_not_found', 'There is nothing at this address; see /api/docs.');
  });
  app.use(answerProblems(logger));
  return app;
}

function secureHeaders(): express.RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      directives: {
        // Swagger UI writes style attributes and shows its pictures from data URLs.
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:'],
        // Plain HTTP is how a fresh installation is reached; a proxy in front may add HTTPS.
        'upgrade-insecure-requests': null,
      },
    },
  });
}

/** A path or query with U+0000 can be stored nowhere and matches nothing. */
const refuseUndecodable: express.RequestHandler = (request, _response, next) => {
  if (/%00/.test(request.url)) {
    throw new ApiError('malformed_request', 'The address holds the character U+0000 (%00).');
  }
  next();
};

function answerProblems(logger: Logger): ErrorRequestHandler {
  return (thrown: unknown, _request, response, _next) => {
    const error = toApiError(thrown);
    const problem = toProblem(error, requestIdOf(response));
    if (error.code === 'internal_error') {
      logger.error('request failed', {
        requestId: problem.requestId,
        ...describeError(error.cause),
      });
    }
    // An answer that has begun can only be broken off, which tells the client that it is not whole.
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (error.retryAfterSeconds !== undefined) {
      response.set('retry-after', String(error.retryAfterSeconds));
    }
    if (problem.status === 401 && !response.get('www-authenticate')) {
      response.set('www-authenticate', 'Bearer realm="Masar"');
    }
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}

function productVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : '0.0.0';
}
