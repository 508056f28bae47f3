/**
 * What Slack's error names mean for a message.
 * https://docs.slack.dev/reference/methods/chat.postMessage#errors
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
 *
 * The Web API answers a refusal with status 200 and `ok: false`; a webhook with a status and the
 * name as its text.
 */
import { ConnectorError, type ConnectorErrorCode, parseRetryAfter } from '../errors.ts';
import type { JsonAnswer } from '../json-request.ts';
import { refusalSchema } from './schema.ts';

interface Meaning {
  readonly code: ConnectorErrorCode;
  readonly permanent: boolean;
  /** `none` where left out: Slack says that it refused. */
  readonly effect?: 'possible';
  readonly message: string;
  readonly pointer?: string;
}

const permanent =
  (code: ConnectorErrorCode) =>
  (message: string, pointer?: string): Meaning => ({
    code,
    permanent: true,
    message,
    ...(pointer === undefined ? {} : { pointer }),
  });
const credential = permanent('credential_rejected');
const denied = permanent('permission_denied');
const missing = permanent('not_found');
const rejected = permanent('rejected');
const tooLarge = permanent('too_large');
const away = (message: string, effect?: 'possible'): Meaning => ({
  code: 'unavailable',
  permanent: false,
  message,
  ...(effect === undefined ? {} : { effect }),
});
const limited: Meaning = {
  code: 'rate_limited',
  permanent: false,
  message: 'Slack takes about one message a second for each channel; this was too fast.',
};

const REINSTALL = 'Reinstall the app in Slack and store its new token in the credential.';
const POSTING = 'Only people whom the workspace’s settings allow may post there.';
const BLOCKS = 'Slack does not accept the blocks. Try them in Slack’s Block Kit Builder.';
const WEBHOOK = 'The webhook was removed or switched off. Make a new one in the app’s settings.';
const MIGRATING = 'The workspace is being moved to another organization; it is asked again later.';
const OUR_REQUEST = 'Slack could not read the request.';

const MEANINGS: Readonly<Record<string, Meaning>> = {
  invalid_auth: credential(`Slack refused the token, or this server’s address. ${REINSTALL}`),
  not_authed: credential('No token reached Slack. Check the credential.'),
  account_inactive: credential(`The token’s bot or workspace was deleted. ${REINSTALL}`),
  token_revoked: credential(`The token was withdrawn. ${REINSTALL}`),
  token_expired: credential(`The token has expired. ${REINSTALL}`),
  not_allowed_token_type: credential('Slack wants another kind of token: use a bot’s (xoxb-…).'),
  two_factor_setup_required: credential(
    'Slack wants two-factor authentication to be set up first.',
  ),
  invalid_token: credential(WEBHOOK),
  no_service: credential(WEBHOOK),
  no_service_id: credential('The address of the webhook is not whole. Copy it again.'),
  no_active_hooks: credential(WEBHOOK),
  no_team: credential(`The webhook’s workspace does not exist. ${WEBHOOK}`),
  team_disabled: credential('The webhook’s workspace has been closed.'),

  missing_scope: denied('The bot lacks a permission (scope). Add it to the app and reinstall it.'),
  no_permission: denied('The bot may not post there. Invite it to the channel.', '/channel'),
  not_in_channel: denied('The bot is not in the channel. Invite it there.', '/channel'),
  access_denied: denied('Slack denies access to this.'),
  accesslimited: denied('The workspace limits access from this network.'),
  team_access_not_granted: denied('The app is not approved for this workspace.'),
  ekm_access_denied: denied('The workspace’s administrators have suspended posting.'),
  enterprise_is_restricted: denied('Slack does not allow this for an Enterprise organization.'),
  action_prohibited: denied('The workspace’s administrators have restricted posting by webhooks.'),
  posting_to_general_channel_denied: denied('The webhook may not post to the general channel.'),
  restricted_action: denied(`The bot may not post there. ${POSTING}`, '/channel'),
  restricted_action_read_only_channel: denied('The channel is read-only.', '/channel'),
  restricted_action_thread_only_channel: denied('The channel takes replies only.', '/threadTs'),
  restricted_action_non_threadable_channel: denied('The channel takes no replies.', '/threadTs'),
  restricted_action_thread_locked: denied('The thread is locked.', '/threadTs'),
  messages_tab_disabled: denied('The app’s Messages tab is off. Turn it on in the app’s settings.'),
  slack_connect_file_link_sharing_blocked: denied(
    'The administrators forbid links to files in channels shared with others.',
  ),

  channel_not_found: missing(
    'Slack knows no such channel, or the bot can’t see it. Use the channel’s id and invite the bot.',
    '/channel',
  ),
  user_not_found: missing('Slack knows no such person.', '/channel'),
  thread_not_found: missing('There is no message to reply to.', '/threadTs'),
  duplicate_channel_not_found: missing('Slack knows no such channel.', '/channel'),
  duplicate_message_not_found: missing('Slack knows no such message.'),
  is_archived: rejected('The channel is archived.', '/channel'),
  channel_is_archived: rejected('The channel is archived.', '/channel'),
  no_text: rejected('The message has no text.', '/text'),
  invalid_blocks: rejected(BLOCKS, '/blocks'),
  invalid_blocks_format: rejected(BLOCKS, '/blocks'),
  msg_too_long: tooLarge('The text is too long for a Slack message.', '/text'),
  msg_blocks_too_long: tooLarge('The blocks are too long for a Slack message.', '/blocks'),
  too_many_attachments: tooLarge('The message has more than 100 attachments.'),
  too_many_contact_cards: tooLarge('The message has more than 10 contact cards.'),
  message_limit_exceeded: rejected('The workspace has reached its plan’s limit of messages.'),
  invalid_metadata_format: rejected('Slack does not accept the message’s metadata.'),
  invalid_metadata_schema: rejected('Slack does not accept the message’s metadata.'),
  metadata_too_large: rejected('Slack does not accept the message’s metadata.'),
  metadata_must_be_sent_from_app: rejected(
    'Slack takes our mark on a message from an app’s token only. Set readHistory to false in the credential.',
  ),
  as_user_not_supported: rejected(OUR_REQUEST),
  invalid_payload: rejected('Slack can’t read the message. Check text and blocks.'),
  invalid_arguments: rejected('Slack does not accept a field. Check channel, text and blocks.'),
  invalid_arg_name: rejected(OUR_REQUEST),
  invalid_array_arg: rejected(OUR_REQUEST),
  invalid_charset: rejected(OUR_REQUEST),
  invalid_form_data: rejected(OUR_REQUEST),
  invalid_post_type: rejected(OUR_REQUEST),
  missing_post_type: rejected(OUR_REQUEST),
  invalid_cursor: rejected(OUR_REQUEST),
  invalid_ts_oldest: rejected(OUR_REQUEST),
  method_deprecated: rejected(
    'Slack has withdrawn this method. A newer version of Masar is needed.',
  ),
  deprecated_endpoint: rejected(
    'Slack has withdrawn this address. A newer version of Masar is needed.',
  ),

  ratelimited: limited,
  rate_limited: limited,
  team_added_to_org: away(MIGRATING),
  org_login_required: away(MIGRATING),
  request_timeout: away('The message did not reach Slack whole.'),
  service_unavailable: away('Slack is away for the moment.'),
  fatal_error: away('Slack failed and does not say whether the message was posted.', 'possible'),
  internal_error: away('Slack failed and does not say whether the message was posted.', 'possible'),
  rollup_error: away('Slack failed and does not say whether the message was posted.', 'possible'),
};

/** @returns the error that an answer tells; undefined if it tells none */
export function errorName({ status, body, text }: JsonAnswer): string | undefined {
  const parsed = refusalSchema.safeParse(body);
  if (parsed.success) return parsed.data.error;
  const word = text.trim();
  return status >= 400 && /^[a-z_]{1,64}$/.test(word) ? word : undefined;
}

/**
 * Translates an answer that is no success.
 * @param effect what the request could have done, where the answer proves nothing
 */
export function refusedRequest(answer: JsonAnswer, effect: 'none' | 'possible'): ConnectorError {
  const { status, headers } = answer;
  const name = errorName(answer);
  const meaning = (name === undefined ? undefined : MEANINGS[name]) ?? byStatus(status, name);
  const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
  return new ConnectorError(
    meaning.code,
    `${meaning.message}${scopeIn(answer)} (${name ?? `HTTP ${status}`})`,
    {
      effect: meaning.effect === 'possible' ? effect : 'none',
      permanent: meaning.permanent,
      status,
      ...(name === undefined ? {} : { providerCode: name }),
      ...(meaning.pointer === undefined ? {} : { pointer: meaning.pointer }),
      ...(meaning.permanent || retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

function byStatus(status: number, name: string | undefined): Meaning {
  if (status === 429) return limited;
  if (status >= 500) {
    return away('Slack failed and does not say whether the message was posted.', 'possible');
  }
  if (status === 401) return credential(`Slack refused the token. ${REINSTALL}`);
  if (status === 403) return denied('Slack forbids this.');
  if (status === 404 || status === 410) {
    return credential(
      'Nothing is at this address. Check webhookUrl and baseUrl in the credential.',
    );
  }
  if (status === 408) return away('The message did not reach Slack whole.');
  if (status >= 300 && status <= 399) {
    return permanent('invalid_response')(
      'The address in the credential redirects instead of answering; correct it.',
    );
  }
  // A name that is not documented is still a refusal.
  return name === undefined && status < 300
    ? {
        code: 'invalid_response',
        permanent: false,
        effect: 'possible',
        message:
          'Slack’s answer can’t be read, so whether the message was posted is unknown. Look into the channel before sending again.',
      }
    : rejected('Slack refused the message.');
}

/** Which scope is missing, where Slack tells. */
function scopeIn({ body }: JsonAnswer): string {
  const parsed = refusalSchema.safeParse(body);
  const needed = parsed.success ? parsed.data.needed : undefined;
  return needed !== undefined && /^[\w:.,]{1,200}$/.test(needed) ? ` Needed: ${needed}.` : '';
}
