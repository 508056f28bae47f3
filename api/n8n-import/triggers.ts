/** Nodes of n8n that start a workflow. */
import type { JsonObject } from '../../workflows/graph/json.ts';
import { pathText, type Resolved, type Step } from './expression.ts';
import { asList, asText, at, kindOf, type N8nNode } from './n8n-workflow.ts';
import type { NodeContext, TriggerInput } from './translation.ts';

/** Started by hand, or by another workflow: nothing to set up. */
const BY_HAND = ['manualTrigger', 'start', 'executeWorkflowTrigger', 'chatTrigger'];
const SCHEDULES = ['scheduleTrigger', 'cron', 'interval'];

export function isTrigger(node: Pick<N8nNode, 'type'>): boolean {
  const kind = kindOf(node);
  return (
    kind === 'webhook' ||
    BY_HAND.includes(kind) ||
    SCHEDULES.includes(kind) ||
    /Trigger$/.test(kind)
  );
}

/** What `$json` means after a trigger. */
export function triggerJson(node: N8nNode, path: readonly Step[]): Resolved {
  const kind = kindOf(node);
  const [first, ...rest] = path;
  if (kind === 'webhook' || kind === 'formTrigger') {
    if (first === undefined) return { text: 'trigger' };
    if (first === 'body' || first === 'headers' || first === 'query') {
      return { text: pathText(`trigger.${first}`, rest) };
    }
    return { problem: `a webhook gives body, headers and query here, not ${String(first)}` };
  }
  if (kind === 'executeWorkflowTrigger' || kind === 'manualTrigger' || kind === 'start') {
    return { text: pathText('input', path) };
  }
  if (SCHEDULES.includes(kind)) {
    return first === 'timestamp' && rest.length === 0
      ? { text: 'trigger.scheduledAt' }
      : { problem: 'a schedule gives nothing but its time (trigger.scheduledAt)' };
  }
  if (kind === 'whatsAppTrigger' || kind === 'telegramTrigger') {
    return {
      problem: 'an inbound message gives trigger.from, trigger.text and trigger.message here',
    };
  }
  return { problem: 'its trigger has no counterpart' };
}

/** @returns triggers of the definition; what can't be said is reported */
export function translateTrigger(context: NodeContext): readonly TriggerInput[] {
  const { node, parameters } = context;
  const kind = kindOf(node);
  if (node.disabled) {
    context.report(
      'info',
      'The trigger was disabled, so it was left out.',
      'Add it if it is needed.',
    );
    return [];
  }
  if (kind === 'webhook') return [webhook(context)];
  if (kind === 'manualTrigger' || kind === 'start') return [{ type: 'manual' }];
  if (kind === 'executeWorkflowTrigger') return [];
  if (SCHEDULES.includes(kind)) return schedule(context, parameters);
  context.report(
    'error',
    `The trigger “${node.type}” has no counterpart.`,
    'Use a webhook, a schedule or an event instead, and let what starts it call that.',
  );
  return [];
}

function webhook(context: NodeContext): TriggerInput {
  const { parameters } = context;
  const authentication = asText(parameters.authentication) ?? 'none';
  context.report(
    'warning',
    `The webhook’s address changes (it was “${asText(parameters.path) ?? ''}”).`,
    'Publish the workflow, and give the new address to whoever calls it.',
    'path',
  );
  if (authentication !== 'none') {
    context.report(
      'warning',
      `It asked for ${authentication}, which was not carried over.`,
      'Store a webhook secret, and name it in the trigger as credential with its header.',
      'authentication',
    );
  }
  const waits = ['lastNode', 'responseNode'].includes(asText(parameters.responseMode) ?? '');
  return { type: 'webhook', auth: 'token', ...(waits ? { respond: 'wait' } : {}) };
}

function schedule(context: NodeContext, parameters: JsonObject): readonly TriggerInput[] {
  const { node, timezone } = context;
  const kind = kindOf(node);
  const zone = timezone ?? 'UTC';
  if (timezone === undefined) {
    context.report(
      'warning',
      'The workflow names no time zone; n8n used its server’s, here it is UTC.',
      'Set the trigger’s timezone, such as "Asia/Dubai".',
    );
  }
  if (kind === 'interval') {
    const every = interval(asText(parameters.unit) ?? 'seconds', parameters.interval);
    return [{ type: 'schedule', every, timezone: zone }];
  }
  const rules =
    kind === 'cron'
      ? asList(at(parameters, 'triggerTimes.item'))
      : asList(at(parameters, 'rule.interval'));
  return rules.flatMap((rule, index): TriggerInput[] => {
    const told = kind === 'cron' ? oldRule(rule) : newRule(rule);
    const field = `rule ${index + 1}`;
    if (told === undefined) {
      context.report(
        'error',
        'This rule has no counterpart.',
        'Write it as a cron expression.',
        field,
      );
      return [];
    }
    const id = index === 0 ? {} : { id: `schedule-${index + 1}` };
    return [{ type: 'schedule', ...id, ...told, timezone: zone }];
  });
}

type Times = { readonly cron: string } | { readonly every: string };
type Rule = Parameters<typeof at>[0];

function interval(unit: string, amount: Rule): string {
  const letter = { seconds: 's', minutes: 'm', hours: 'h', days: 'd' }[unit] ?? 's';
  return `${asText(amount) ?? '1'}${letter}`;
}

const number = (rule: Rule, field: string, otherwise: number): number =>
  Number(asText(at(rule, field)) ?? otherwise);

/** https://docs.n8n.io/integrations/builtin/core-nodes/n8n-nodes-base.scheduletrigger/ */
function newRule(rule: Rule): Times | undefined {
  const clock = `${number(rule, 'triggerAtMinute', 0)} ${number(rule, 'triggerAtHour', 0)}`;
  const every = (field: string): number => number(rule, field, 1);
  switch (asText(at(rule, 'field')) ?? 'days') {
    case 'seconds':
      return { every: `${number(rule, 'secondsInterval', 30)}s` };
    case 'minutes':
      return { every: `${number(rule, 'minutesInterval', 5)}m` };
    case 'hours':
      return every('hoursInterval') === 1
        ? { cron: `${number(rule, 'triggerAtMinute', 0)} * * * *` }
        : { cron: `${number(rule, 'triggerAtMinute', 0)} */${every('hoursInterval')} * * *` };
    case 'days':
      return every('daysInterval') === 1
        ? { cron: `${clock} * * *` }
        : { cron: `${clock} */${every('daysInterval')} * *` };
    case 'weeks': {
      if (every('weeksInterval') !== 1) return undefined;
      const days = asList(at(rule, 'triggerAtDay')).map(asText);
      return { cron: `${clock} * * ${days.length === 0 ? '0' : days.join(',')}` };
    }
    case 'months': {
      const months = every('monthsInterval') === 1 ? '*' : `*/${every('monthsInterval')}`;
      return { cron: `${clock} ${number(rule, 'triggerAtDayOfMonth', 1)} ${months} *` };
    }
    case 'cronExpression':
      return fiveFields(asText(at(rule, 'expression')));
    default:
      return undefined;
  }
}

/** The older Cron node. */
function oldRule(rule: Rule): Times | undefined {
  const clock = `${number(rule, 'minute', 0)} ${number(rule, 'hour', 14)}`;
  const mode = asText(at(rule, 'mode')) ?? 'everyDay';
  switch (mode) {
    case 'everyMinute':
      return { cron: '* * * * *' };
    case 'everyHour':
      return { cron: `${number(rule, 'minute', 0)} * * * *` };
    case 'everyDay':
      return { cron: `${clock} * * *` };
    case 'everyWeek':
      return { cron: `${clock} * * ${number(rule, 'weekday', 1)}` };
    case 'everyMonth':
      return { cron: `${clock} ${number(rule, 'dayOfMonth', 1)} * *` };
    case 'everyX':
      return { every: interval(asText(at(rule, 'unit')) ?? 'hours', at(rule, 'value') ?? 2) };
    case 'custom':
      return fiveFields(asText(at(rule, 'cronExpression')));
    default:
      return undefined;
  }
}

/** n8n takes a sixth field in front, for seconds. */
function fiveFields(expression: string | undefined): Times | undefined {
  const fields = (expression ?? '').trim().split(/\s+/);
  if (fields.length === 5) return { cron: fields.join(' ') };
  return fields.length === 6 && fields[0] === '0' ? { cron: fields.slice(1).join(' ') } : undefined;
}
