/**
 * Finds a message that an interrupted attempt may have posted, by the mark that it carries.
 * https://docs.slack.dev/messaging/message-metadata
 */
import { createHash } from 'node:crypto';
import type { LookupResult, OperationContext } from '../contract.ts';
import { ConnectorError } from '../errors.ts';
import { requestJson } from '../json-request.ts';
import type { Outbound } from '../outbound.ts';
import { refusedRequest } from './errors.ts';
import {
  DEFAULT_BASE_URL,
  historyAnswerSchema,
  type SendInput,
  type SendOutput,
  type SlackCredential,
} from './schema.ts';

const EVENT_TYPE = 'masar_message';
const PAGE_SIZE = 200;
const MAX_PAGES = 25;
/** How far Slack's clock and ours may be apart. */
const CLOCK_MARGIN_MS = 600_000;

/** The mark: everybody in the workspace can read it, so it tells nothing but that it is ours. */
export function messageMark(key: string): {
  readonly event_type: string;
  readonly event_payload: { readonly key: string };
} {
  return { event_type: EVENT_TYPE, event_payload: { key: hashed(key) } };
}

/** Channel ids, of which history can be read; names and people's ids can't be looked into. */
export function isChannelId(channel: string): boolean {
  return /^[CGD][A-Z0-9]{6,}$/.test(channel);
}

/**
 * GET /api/conversations.history, or /api/conversations.replies for a reply
 * https://docs.slack.dev/reference/methods/conversations.history
 * https://docs.slack.dev/reference/methods/conversations.replies
 *
 * @throws ConnectorError if Slack can't be asked, or if too much was written since to look through
 */
export async function findMessage(
  outbound: Pick<Outbound, 'request'>,
  { threadTs }: SendInput,
  channel: string,
  context: OperationContext<SlackCredential>,
): Promise<LookupResult<SendOutput>> {
  const { botToken, baseUrl = DEFAULT_BASE_URL } = context.credential;
  const wanted = hashed(context.key);
  const since = context.inDoubtSince?.getTime();
  const query = new URLSearchParams({
    channel,
    limit: String(PAGE_SIZE),
    include_all_metadata: 'true',
    ...(threadTs === undefined ? {} : { ts: threadTs }),
    ...(since === undefined ? {} : { oldest: String((since - CLOCK_MARGIN_MS) / 1000) }),
  });
  const method = threadTs === undefined ? 'conversations.history' : 'conversations.replies';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await requestJson(
      outbound,
      {
        url: `${baseUrl.replace(/\/+$/, '')}/api/${method}?${query}`,
        headers: { authorization: `Bearer ${botToken}` },
      },
      context,
    );
    const parsed = historyAnswerSchema.safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) throw refusedRequest(answer, 'none');
    const found = parsed.data.messages.find(
      ({ metadata }) =>
        metadata?.event_type === EVENT_TYPE && metadata.event_payload.key === wanted,
    );
    if (found !== undefined) return { found: true, output: { via: 'bot', channel, ts: found.ts } };
    const cursor = parsed.data.response_metadata?.next_cursor ?? '';
    if (cursor === '') return { found: false };
    query.set('cursor', cursor);
  }
  throw new ConnectorError(
    'unavailable',
    `More than ${MAX_PAGES * PAGE_SIZE} messages were written to the channel since the interrupted attempt, too many to look through. Look for the message in Slack and say what became of it.`,
    { effect: 'none', permanent: true },
  );
}

function hashed(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
