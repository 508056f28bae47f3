import { z } from 'zod';
import { INBOUND_SOURCES, type KnownInboundSource } from '../../connectors/triggers.ts';
import type {
  InboundChannel,
  InboundChannelRepository,
} from '../../db/repositories/inbound-channels.ts';
import { type Endpoint, endpoint, hookEndpoint } from '../endpoint.ts';
import { executionIdField, iso, timeField } from '../fields.ts';
import { newUuid } from '../identifiers.ts';
import type { InboundService } from '../inbound-service.ts';
import { ApiError } from '../problem.ts';
import type { RateCounter } from '../rate-counter.ts';
import { decode, parseJson } from '../request-body.ts';
import { toIssues } from '../zod-issues.ts';
import { hookTokenField } from './hooks.ts';

const connectorField = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, 'is not the name of a connector')
  .meta({ example: 'whatsapp' });
const params = z.object({ connector: connectorField });
const hookParams = z.object({ connector: connectorField, token: hookTokenField });

const channelSchema = z
  .object({
    connector: z.string(),
    path: z.string().meta({
      description: 'The address to enter at the provider, behind this installation’s own',
      example: '/api/inbound/whatsapp/3vQ…',
    }),
    createdAt: timeField,
    updatedAt: timeField,
  })
  .meta({ id: 'InboundChannel' });

const receivedSchema = z
  .object({ received: z.int().meta({ description: 'Messages that the delivery held' }) })
  .meta({ id: 'InboundReceipt' });

const simulatedSchema = z
  .object({
    messageId: z.string(),
    leadId: z.string(),
    executions: z.array(z.object({ executionId: executionIdField, workflowId: z.string() })),
    problems: z.array(z.object({ workflowId: z.string(), code: z.string(), message: z.string() })),
  })
  .meta({ id: 'SimulatedMessage' });

export interface InboundRouteDeps {
  readonly channels: InboundChannelRepository;
  readonly inbound: InboundService;
  /** Counts by channel, and by sender where there is none. */
  readonly rates: RateCounter;
}

export function inboundRoutes({ channels, inbound, rates }: InboundRouteDeps): Endpoint[] {
  const tag = 'Inbound messages';

  /** @throws ApiError `hook_not_found`, the same whatever doesn’t exist */
  async function channelAt(connector: string, token: string, from: string) {
    const source = INBOUND_SOURCES.find(({ type }) => type === connector);
    const channel = source === undefined ? undefined : await channels.findByToken(connector, token);
    rates.count(channel?.channelId ?? `from ${from}`);
    if (source === undefined || channel === undefined) {
      throw new ApiError('hook_not_found', 'There is nothing at this address.');
    }
    return { source, channel };
  }

  return [
    endpoint({
      method: 'put',
      path: '/inbound/{connector}',
      operationId: 'putInboundChannel',
      tag,
      summary: 'Let messages come in through a connector',
      description:
        'Answers the address to enter at the provider. For WhatsApp: `appSecret` is the app’s secret at Meta, `verifyToken` any text that is entered there together with the address. Putting it again changes the secrets; the address stays.',
      problems: [404],
      params,
      body: z.record(z.string(), z.unknown()).meta({
        description: 'What the provider and Masar both know; never answered again',
        example: { appSecret: '0123456789abcdef', verifyToken: 'any text of yours' },
      }),
      responses: { 200: { description: 'The channel', schema: channelSchema } },
    }).handledBy(async ({ caller, params: { connector }, body }) => {
      const settings = sourceOf(connector).settings.safeParse(body);
      if (!settings.success) {
        const issues = toIssues(settings.error.issues);
        throw new ApiError(
          'invalid_request',
          `The settings don’t fit ${connector}: ${issues[0]?.message ?? ''}`,
          { issues },
        );
      }
      const channel = await channels.put(caller.projectId, connector, settings.data);
      return { status: 200, body: toChannel(channel) };
    }),

    endpoint({
      method: 'post',
      path: '/inbound/{connector}/simulate',
      operationId: 'simulateInbound',
      tag,
      summary: 'Try what a message would start, in sandbox mode',
      description: 'As if the sender had written it; what it starts sends nothing to anybody.',
      idempotency: 'stored',
      problems: [404],
      params,
      body: z
        .strictObject({
          from: z
            .string()
            .regex(/^\+\d{5,20}$/, 'must be a phone number with its country, such as +971501234567')
            .meta({ example: '+971501234567' }),
          text: z.string().min(1).max(4_096),
          name: z.string().min(1).max(500).optional(),
        })
        .meta({ id: 'NewSimulatedMessage' }),
      responses: { 202: { description: 'What it started', schema: simulatedSchema } },
    }).handledBy(async ({ caller, params: { connector }, body: { from, text, name } }) => {
      const messageId = `simulated-${newUuid()}`;
      const { leadId, executions, problems } = await inbound.receive(
        caller.projectId,
        sourceOf(connector).type,
        { messageId, from, name: name ?? null, text, message: { type: 'text', text, from } },
        'sandbox',
      );
      return {
        status: 202,
        body: { messageId, leadId, executions: [...executions], problems: [...problems] },
      };
    }),

    endpoint({
      method: 'delete',
      path: '/inbound/{connector}',
      operationId: 'deleteInboundChannel',
      tag,
      summary: 'Let no more messages come in through a connector',
      problems: [404],
      params,
      responses: { 204: { description: 'Deleted' } },
    }).handledBy(async ({ caller, params: { connector } }) => {
      if (await channels.delete(caller.projectId, connector)) return { status: 204 };
      throw unknownChannel(connector);
    }),

    endpoint({
      method: 'get',
      path: '/inbound/{connector}',
      operationId: 'getInboundChannel',
      tag,
      summary: 'Where messages come in',
      problems: [404],
      params,
      responses: { 200: { description: 'The channel', schema: channelSchema } },
    }).handledBy(async ({ caller, params: { connector } }) => {
      const channel = await channels.find(caller.projectId, connector);
      if (channel === undefined) throw unknownChannel(connector);
      return { status: 200, body: toChannel(channel) };
    }),

    hookEndpoint({
      method: 'get',
      path: '/inbound/{connector}/{token}',
      operationId: 'verifyInbound',
      tag,
      summary: 'Answers the provider’s question whether the address is ours',
      problems: [401, 404, 429],
      params: hookParams,
      mediaType: 'text/plain',
      responses: { 200: { description: 'The challenge', schema: z.string() } },
    }).handledBy(async ({ params: { connector, token }, query, from }) => {
      const { source, channel } = await channelAt(connector, token, from);
      const challenge = source.challenge(query, channel.settings);
      if (challenge === undefined) throw notAuthentic();
      return { status: 200, body: challenge };
    }),

    hookEndpoint({
      method: 'post',
      path: '/inbound/{connector}/{token}',
      operationId: 'receiveInbound',
      tag,
      summary: 'Takes messages from the provider',
      description: 'A message that was seen already starts nothing.',
      problems: [401, 404, 413, 429, 503],
      params: hookParams,
      responses: { 200: { description: 'Taken', schema: receivedSchema } },
    }).handledBy(async ({ params: { connector, token }, headers, body, from }) => {
      const { source, channel } = await channelAt(connector, token, from);
      if (!source.isAuthentic({ headers, body }, channel.settings)) throw notAuthentic();
      const messages = source.read(body.length === 0 ? null : parseJson(decode(body)));
      // One after the other: a sender's messages start what they start in their order.
      for (const message of messages) {
        await inbound.receive(channel.projectId, connector, message);
      }
      return { status: 200, body: { received: messages.length } };
    }),
  ];
}

function sourceOf(connector: string): KnownInboundSource {
  const source = INBOUND_SOURCES.find(({ type }) => type === connector);
  if (source !== undefined) return source;
  const known = INBOUND_SOURCES.map(({ type }) => type).join(', ');
  throw new ApiError(
    'channel_not_found',
    `Messages can’t come in through "${connector}". Known: ${known}.`,
  );
}

function unknownChannel(connector: string): ApiError {
  return new ApiError(
    'channel_not_found',
    `No messages come in through "${connector}" yet. Set it up with PUT.`,
  );
}

function notAuthentic(): ApiError {
  return new ApiError(
    'hook_unauthorized',
    'The request doesn’t prove that its sender knows the secret.',
  );
}

function toChannel(channel: InboundChannel): z.input<typeof channelSchema> {
  return {
    connector: channel.connector,
    path: `/api/inbound/${channel.connector}/${channel.token}`,
    createdAt: iso(channel.createdAt),
    updatedAt: iso(channel.updatedAt),
  };
}
