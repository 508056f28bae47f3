/** Validation of triggers and of the settings that act at an execution's start and end. */
import { cronProblem } from './cron.ts';
import type { Definition } from './definition.ts';
import { durationToMs } from './duration.ts';
import { findReferences } from './expressions.ts';
import type { Json } from './json.ts';
import {
  INBOUND_CONNECTORS,
  type ScheduleTrigger,
  type Trigger,
  type WebhookTrigger,
  withKeys,
} from './trigger-schemas.ts';
import type { Report } from './validation-report.ts';

/** Temporal takes no shorter one: https://docs.temporal.io/schedule#catchup-window */
const SHORTEST_CATCHUP_MS = 10_000;
const SHORTEST_INTERVAL_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Fields that only webhooks with signatures have a use for. */
const SIGNING_FIELDS = [
  'prefix',
  'algorithm',
  'encoding',
  'timestampHeader',
  'tolerance',
  'signed',
] as const;

export function checkTriggers(definition: Definition, report: Report): void {
  const earlier = new Map<string, number>();
  withKeys(definition.triggers).forEach(({ key, trigger }, index) => {
    const at = `/triggers/${index}`;
    const known = earlier.get(key);
    if (known === undefined) earlier.set(key, index);
    else {
      report(
        'duplicate_trigger_id',
        trigger.id === undefined ? at : `${at}/id`,
        `Two triggers are called "${key}" (numbers ${known + 1} and ${index + 1}). Give one of them another id.`,
      );
    }
    checkTrigger(trigger, at, report);
  });
  checkSettings(definition, report);
}

function checkTrigger(trigger: Trigger, at: string, report: Report): void {
  switch (trigger.type) {
    case 'event':
      checkNames(trigger.filter, `${at}/filter`, ['lead', 'trigger', 'workflow'], 'event', report);
      return;
    case 'inbound':
      checkNames(
        trigger.filter,
        `${at}/filter`,
        ['lead', 'trigger', 'workflow'],
        'inbound message',
        report,
      );
      if (!INBOUND_CONNECTORS.some((known) => known === trigger.connector)) {
        report(
          'unknown_connector',
          `${at}/connector`,
          `Messages that come in through "${trigger.connector}" can’t start automations. Known: ${INBOUND_CONNECTORS.join(', ')}.`,
        );
      }
      return;
    case 'schedule':
      checkSchedule(trigger, at, report);
      return;
    case 'webhook':
      checkWebhook(trigger, at, report);
      return;
    case 'manual':
    case 'api':
      return;
  }
}

function checkSchedule(trigger: ScheduleTrigger, at: string, report: Report): void {
  const { cron, every, timezone, catchupWindow } = trigger;
  if ((cron === undefined) === (every === undefined)) {
    report(
      'invalid_schedule',
      at,
      cron === undefined
        ? 'The schedule doesn’t say when. Give it "cron", such as "0 9 * * 1-5", or "every", such as "15m".'
        : 'The schedule has both "cron" and "every". Use one of them; two schedules may stand side by side.',
    );
  }
  if (cron !== undefined) {
    const problem = cronProblem(cron);
    if (problem !== undefined) {
      report(
        'invalid_cron',
        `${at}/cron`,
        `The cron expression "${cron}" ${problem.severity === 'error' ? 'isn’t right' : 'may not be what is meant'}: ${problem.message}`,
        undefined,
        problem.severity,
      );
    }
  }
  if (every !== undefined && durationToMs(every) < SHORTEST_INTERVAL_MS) {
    report('invalid_schedule', `${at}/every`, 'The interval is too short: 1s is the least.');
  }
  if (every !== undefined && durationToMs(every) % 1_000 !== 0) {
    report('invalid_schedule', `${at}/every`, 'The interval must be a whole number of seconds.');
  }
  const zone = zoneProblem(timezone);
  if (zone !== undefined) report('invalid_timezone', `${at}/timezone`, zone);
  if (catchupWindow !== undefined && durationToMs(catchupWindow) < SHORTEST_CATCHUP_MS) {
    report(
      'invalid_schedule',
      `${at}/catchupWindow`,
      'The catch-up window is too short: 10s is the least.',
    );
  }
  checkNames(trigger.input, `${at}/input`, ['trigger', 'workflow'], 'schedule', report);
}

/**
 * Temporal reads zone names by their files, so their case counts, and takes no offsets.
 * @returns a sentence; undefined if the zone is known
 */
function zoneProblem(timezone: string): string | undefined {
  const example = 'Use a name such as "Asia/Dubai", "Europe/Berlin" or "UTC".';
  if (!/^[A-Za-z]/.test(timezone)) return `"${timezone}" is not a time zone. ${example}`;
  let known: string;
  try {
    known = new Intl.DateTimeFormat('en-US', { timeZone: timezone }).resolvedOptions().timeZone;
  } catch {
    return `"${timezone}" is not a time zone. ${example}`;
  }
  if (known !== timezone && known.toLowerCase() === timezone.toLowerCase()) {
    return `"${timezone}" is written "${known}".`;
  }
  // Older names resolve to newer ones, so only their form can be checked.
  if (timezone !== 'UTC' && !/^(?:[A-Z][\w+-]*)(?:\/[A-Z][\w+-]*)*$/.test(timezone)) {
    return `"${timezone}" is not a time zone. ${example}`;
  }
  return undefined;
}

function checkWebhook(trigger: WebhookTrigger, at: string, report: Report): void {
  const { auth, credential, header, timestampHeader, signed, respond, timeout } = trigger;
  if (auth === 'hmac' && (credential === undefined || header === undefined)) {
    report(
      'incomplete_webhook',
      at,
      'A webhook with signatures needs "credential" (the secret) and "header" (where the signature stands).',
    );
  }
  if (auth === 'token' && (credential === undefined) !== (header === undefined)) {
    report(
      'incomplete_webhook',
      at,
      'Give both "credential" (the secret) and "header" (where callers send it), or neither.',
    );
  }
  for (const name of auth === 'token' ? SIGNING_FIELDS : []) {
    if (trigger[name] === undefined) continue;
    report(
      'unused_setting',
      `${at}/${name}`,
      `"${name}" belongs to webhooks with signatures ("auth": "hmac").`,
    );
  }
  if (signed !== undefined && !signed.includes('{body}')) {
    report(
      'invalid_webhook',
      `${at}/signed`,
      'What is signed must include {body}, or the body could be changed on the way.',
    );
  }
  if (signed?.includes('{timestamp}') === true && timestampHeader === undefined) {
    report(
      'invalid_webhook',
      `${at}/signed`,
      'What is signed includes {timestamp}, so "timestampHeader" must say where it stands.',
    );
  }
  if (timestampHeader !== undefined && signed?.includes('{timestamp}') === false) {
    report(
      'invalid_webhook',
      `${at}/signed`,
      'The time of sending must be signed too, or an old request could be sent again with a new time: include {timestamp}.',
    );
  }
  if (timeout !== undefined && durationToMs(timeout) > LONGEST_WAIT_MS) {
    report('invalid_webhook', `${at}/timeout`, 'Callers can wait for 30s at most.');
  }
  if (timeout !== undefined && respond !== 'wait') {
    report(
      'unused_setting',
      `${at}/timeout`,
      '"timeout" belongs to webhooks with "respond": "wait".',
    );
  }
  checkNames(trigger.filter, `${at}/filter`, ['trigger', 'workflow'], 'webhook', report);
  checkNames(trigger.lead, `${at}/lead`, ['trigger', 'workflow'], 'webhook', report);
}

function checkSettings(definition: Definition, report: Report): void {
  const { onFailure, concurrency } = definition.settings;
  if (onFailure === definition.workflowId) {
    report(
      'failure_of_itself',
      '/settings/onFailure',
      'The automation names itself to be started when it fails. Name another one.',
    );
  }
  checkNames(
    concurrency?.key,
    '/settings/concurrency/key',
    ['lead', 'input', 'trigger', 'workflow'],
    'limit of concurrency',
    report,
  );
}

/** Names that have no value yet when an execution is only about to start. */
function checkNames(
  value: unknown,
  pointer: string,
  roots: readonly string[],
  what: string,
  report: Report,
): void {
  if (value === undefined) return;
  // Definitions come from JSON.
  const { references, errors } = findReferences(value as Json, pointer);
  for (const error of errors) report('invalid_expression', error.pointer, error.message);
  for (const { path, pointer: at } of references) {
    const [root] = path;
    if (roots.some((known) => known === root)) continue;
    report(
      'unknown_reference',
      at,
      `"${path.join('.')}" has no value here: this ${what} is looked at before any node has run, so names start with ${roots.join(', ')}.`,
    );
  }
}
