/** Accepts executions: of a published definition, of a single node, and those that events start. */
import { executionMode, type Mode } from '../cli/execution-mode.ts';
import type { ConnectorManifest } from '../connectors/contract.ts';
import type { Admission } from '../db/admission.ts';
import type { CredentialRepository } from '../db/repositories/credentials.ts';
import type { EventRepository, StartedExecution, StartProblem } from '../db/repositories/events.ts';
import { LeadNotFoundError } from '../db/repositories/events.ts';
import type { ExecutionRepository, StartFacts } from '../db/repositories/executions.ts';
import type { ExecutionTrigger } from '../workflows/contract.ts';
import type { Definition } from '../workflows/graph/definition.ts';
import type { Json, JsonObject } from '../workflows/graph/json.ts';
import { planSingleNode } from '../workflows/graph/plan.ts';
import { validateDefinition } from '../workflows/graph/validate.ts';
import { type Accepted, createAcceptance, idFor, requireSameRequest } from './acceptance.ts';
import { rulesOf } from './execution-rules.ts';
import type { Fingerprint } from './idempotency.ts';
import { newExecutionId, newLeadId } from './identifiers.ts';
import type { PlanCache } from './plan-cache.ts';
import { ApiError } from './problem.ts';
import { inProgress, unknownLead, unknownWorkflow } from './refusals.ts';
import { requireCredentials } from './required-credentials.ts';
import type { ApiSettings } from './settings.ts';
import type { StartDispatcher } from './start-dispatcher.ts';

export interface StartRequest {
  readonly leadId?: string | undefined;
  readonly lead?: JsonObject | undefined;
  readonly input: JsonObject;
  readonly mode?: 'live' | 'sandbox' | undefined;
  /** What starts it; `{ type: 'api' }` where left out. */
  readonly trigger?: ExecutionTrigger | undefined;
  /** Only if this version is the published one. */
  readonly onlyVersion?: number | undefined;
}

/** Another version was published than the one that was to be started. */
export class VersionChangedError extends Error {
  override readonly name = 'VersionChangedError';
}

export interface SingleNodeRequest {
  readonly connector: string;
  readonly leadId: string;
  readonly workflowId: string;
  readonly nodeId: string;
  readonly config: JsonObject;
  readonly credential?: string | undefined;
  readonly mode?: 'live' | 'sandbox' | undefined;
}

export interface EventRequest {
  readonly eventId: string;
  readonly type: string;
  readonly leadId?: string | undefined;
  readonly lead?: JsonObject | undefined;
  readonly data: Json;
  /** `inbound`: a message; `type` is the connector that it came in through. */
  readonly source?: 'event' | 'inbound';
  /** What the executions are told of it, where that isn't the event itself. */
  readonly trigger?: ExecutionTrigger;
  readonly mode?: Mode;
}

export interface EventOutcome {
  readonly executions: readonly StartedExecution[];
  readonly problems: readonly StartProblem[];
}

export interface StartServiceDeps {
  readonly settings: Pick<ApiSettings, 'defaultMode' | 'environmentCredentials'>;
  readonly catalog: readonly ConnectorManifest[];
  readonly executions: ExecutionRepository;
  readonly events: EventRepository;
  readonly credentials: CredentialRepository;
  readonly plans: PlanCache;
  readonly admission: Admission;
  readonly dispatcher: StartDispatcher;
  readonly fingerprint: Fingerprint;
}

/** Who the execution is for. */
interface LeadChoice {
  readonly leadId: string | null;
  /** What the request tells of the lead; undefined: the lead must be known. */
  readonly told: JsonObject | undefined;
}

export type StartService = ReturnType<typeof createStartService>;

export function createStartService(deps: StartServiceDeps) {
  const { settings, catalog, executions, credentials, plans } = deps;
  const { accept, handOver, keyFor } = createAcceptance(deps);

  function modeOf(asked: Mode | undefined, hasStored: boolean): Mode {
    return executionMode({
      asked,
      configured: settings.defaultMode,
      hasCredentials: hasStored || settings.environmentCredentials.size > 0,
    });
  }

  return {
    /**
     * @param key the Idempotency-Key, if there is one
     * @param source what the key belongs to, where that isn't the start by the API
     * @throws ApiError
     * @throws VersionChangedError
     */
    async startPublished(
      projectId: string,
      workflowId: string,
      request: StartRequest,
      key: string | undefined,
      source?: string,
    ): Promise<Accepted> {
      const trigger = request.trigger ?? { type: 'api' };
      const requestKey = keyFor(source ?? 'start', workflowId, key, keptOf(request, source));
      const lead = chooseLead(request);
      for (let attempt = 1; ; attempt += 1) {
        const facts = await executions.startFacts(projectId, workflowId, lead.leadId, requestKey);
        requireSameRequest(facts, requestKey);
        const executionId = idFor(
          projectId,
          workflowId,
          key === undefined || source === undefined ? key : `${source} ${key}`,
        );
        if (requestKey !== undefined && facts.knownRequestHash !== undefined) {
          const known = await executions.find(projectId, executionId);
          if (known !== undefined) return known;
        }
        const { definitionId, version, plan, description } = await publishedPlan(workflowId, facts);
        if (request.onlyVersion !== undefined && request.onlyVersion !== version) {
          throw new VersionChangedError(`Version ${version} is published.`);
        }
        if (lead.told === undefined && lead.leadId !== null && facts.lead === undefined) {
          throw unknownLead();
        }
        const mode = modeOf(request.mode, facts.hasCredentials);
        if (mode === 'live') await requireCredentials(deps, projectId, plan);
        const startLead = snapshot(lead, facts);
        const accepted = await accept(
          {
            executionId,
            projectId,
            workflowId,
            version,
            definitionId,
            plan: null,
            leadId: lead.leadId,
            lead: startLead,
            saveLead: lead.told !== undefined,
            input: request.input,
            trigger,
            mode,
            requestKey,
            rules: rulesOf(facts.settings, {
              plan,
              // As it is once what the request tells is merged into what is known.
              lead: startLead === null ? null : { ...facts.lead, ...startLead },
              input: request.input,
              trigger,
            }),
          },
          plan,
          description,
        );
        if (accepted) return { executionId, workflowId, version };
        // Someone else took the key, or published or unpublished, between the two statements.
        if (attempt >= 3) throw inProgress();
      }
    },

    /** @throws ApiError `invalid_definition` if the node could not run */
    async startNode(
      projectId: string,
      request: SingleNodeRequest,
      key: string | undefined,
    ): Promise<Accepted> {
      requireRunnable(request);
      const { workflowId, leadId } = request;
      const plan = planSingleNode(
        {
          workflowId,
          nodeId: request.nodeId,
          connector: request.connector,
          config: request.config,
          ...(request.credential === undefined ? {} : { credential: request.credential }),
        },
        catalog,
      );
      const requestKey = keyFor(`node ${request.connector}`, workflowId, key, request);
      const executionId = idFor(
        projectId,
        workflowId,
        key === undefined ? undefined : `${request.connector} ${key}`,
      );
      const facts = await executions.startFacts(projectId, workflowId, leadId, requestKey);
      requireSameRequest(facts, requestKey);
      const accepted: Accepted = { executionId, workflowId, version: 0 };
      if (facts.knownRequestHash !== undefined) return accepted;
      const mode = modeOf(request.mode, facts.hasCredentials);
      if (mode === 'live') await requireCredentials(deps, projectId, plan);
      const written = await accept(
        {
          ...accepted,
          projectId,
          definitionId: null,
          plan,
          leadId,
          // Leads of single nodes may live in another system, which has rendered the config.
          lead: { ...facts.lead, id: leadId },
          saveLead: false,
          input: {},
          trigger: { type: 'node' },
          mode,
          requestKey,
        },
        plan,
        undefined,
      );
      if (written || requestKey === undefined) return accepted;
      requireSameRequest(
        await executions.startFacts(projectId, workflowId, null, requestKey),
        requestKey,
      );
      return accepted;
    },

    /**
     * Records an event and starts every published definition that waits for its type and whose
     * filter it passes.
     * @returns what it started, now or when it was first told, and what it could not start
     * @throws ApiError `lead_not_found`
     */
    async startByEvent(projectId: string, event: EventRequest): Promise<EventOutcome> {
      const lead = chooseLead(event);
      const mode =
        event.mode ??
        settings.defaultMode ??
        modeOf(undefined, await credentials.anyExists(projectId));
      try {
        const recorded = await deps.events.record(
          {
            projectId,
            eventId: event.eventId,
            source: event.source ?? 'event',
            type: event.type,
            leadId: lead.leadId,
            leadData: lead.told === undefined ? null : withoutId(lead.told),
            data: event.data,
            trigger: event.trigger ?? {
              type: 'event',
              event: event.type,
              eventId: event.eventId,
              data: event.data,
            },
            mode,
          },
          newExecutionId,
        );
        for (const { start, rules } of recorded.toStart) handOver(start, rules);
        return { executions: recorded.executions, problems: recorded.problems };
      } catch (error) {
        if (error instanceof LeadNotFoundError) throw unknownLead();
        throw error;
      }
    },
  };

  async function publishedPlan(workflowId: string, facts: StartFacts) {
    const { definitionId, isActive, publishedVersion: version } = facts;
    if (definitionId === undefined) throw unknownWorkflow(workflowId);
    if (!isActive || version === null) {
      throw new ApiError(
        'workflow_not_published',
        `Workflow "${workflowId}" is not published, so nothing can start it. Publish it first.`,
      );
    }
    const published = await plans.find(definitionId, version);
    if (published === undefined) throw unknownWorkflow(workflowId);
    return { definitionId, version, ...published };
  }

  function requireRunnable(request: SingleNodeRequest): void {
    const definition: Definition = {
      workflowId: request.workflowId,
      name: request.workflowId,
      nodes: [
        {
          id: request.nodeId,
          type: request.connector,
          config: request.config,
          ...(request.credential === undefined ? {} : { credential: request.credential }),
        },
      ],
      connections: [],
      triggers: [],
      settings: {},
    };
    const issues = validateDefinition(definition, catalog)
      .filter((issue) => issue.severity === 'error')
      // The caller knows the config, not the definition that is made of it.
      .map((issue) => ({ ...issue, pointer: issue.pointer.replace(/^\/nodes\/0/, '') }));
    if (issues.length > 0) {
      throw new ApiError('invalid_definition', issues[0]?.message ?? 'The node can’t run.', {
        issues,
      });
    }
  }
}

/**
 * What two requests with one key must have in common. A delivery is known by its id alone: a sender
 * who repeats it may say other things around it, such as the number of the attempt.
 */
function keptOf(request: StartRequest, source: string | undefined): unknown {
  return source === undefined ? request : source;
}

/** @throws ApiError if the request names two different leads */
function chooseLead(request: {
  readonly leadId?: string | undefined;
  readonly lead?: JsonObject | undefined;
}): LeadChoice {
  if (request.lead === undefined) return { leadId: request.leadId ?? null, told: undefined };
  const told = request.lead;
  const own = typeof told.id === 'string' ? told.id : undefined;
  if (own !== undefined && request.leadId !== undefined && own !== request.leadId) {
    const message = '/lead/id and /leadId name two different leads. Leave one out.';
    throw new ApiError('invalid_request', message, {
      issues: [{ code: 'two_leads', severity: 'error', pointer: '/lead/id', message }],
    });
  }
  return { leadId: own ?? request.leadId ?? newLeadId(), told };
}

function snapshot(lead: LeadChoice, facts: StartFacts): JsonObject | null {
  if (lead.leadId === null) return null;
  return { ...(lead.told ?? facts.lead), id: lead.leadId };
}

function withoutId(lead: JsonObject): JsonObject {
  const { id: _id, ...data } = lead;
  return data;
}
