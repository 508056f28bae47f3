import { describe, expect, test } from '@jest/globals';
import { cronProblem } from './cron.ts';
import { definitionSchema } from './definition.ts';
import { fakeCatalog } from './fake-catalog.ts';
import { passesFilter } from './trigger-filter.ts';
import { withKeys } from './trigger-schemas.ts';
import { validateDefinition } from './validate.ts';

function problems(triggers: readonly object[], settings: object = {}) {
  const definition = definitionSchema.parse({
    workflowId: 'w',
    name: 'W',
    nodes: [{ id: 'n', type: 'set', config: { values: {} } }],
    triggers,
    settings,
  });
  return validateDefinition(definition, fakeCatalog).map(
    ({ code, pointer, severity }) => `${severity} ${code} ${pointer}`,
  );
}

describe('cron expressions', () => {
  test.each([
    '0 9 * * 1-5',
    '*/15 * * * *',
    '5,35 8-18/2 1 jan,Jul *',
    '0 0 29 2 *',
    '0 0 * * sun',
    '0 0 * * 7',
    '10/20 * * * *',
    '@daily',
    ' 0  9 * * * ',
  ])('%j is taken', (text) => {
    expect(cronProblem(text)).toBeUndefined();
  });

  test.each([
    ['', 'five'],
    ['0 9 * *', '4 fields'],
    ['0 0 9 * * 1', 'Seconds'],
    ['60 9 * * *', 'minute'],
    ['0 24 * * *', 'hour'],
    ['0 9 0 * *', 'day of the month'],
    ['0 9 * 13 *', 'month'],
    ['0 9 * * 8', 'day of the week'],
    ['0 9 * * mo', 'day of the week'],
    ['0 9 L * *', 'day of the month'],
    ['0 9 * * 1#2', 'day of the week'],
    ['0 9 ? * *', 'day of the month'],
    ['*/0 * * * *', 'minute'],
    ['0 18-9 * * *', 'backwards'],
    ['0 9 30 2 *', 'never fire'],
    ['0 9 31 4,6 *', 'never fire'],
    ['@every 5m', '`every`'],
    ['@reboot', 'not known'],
    ['TZ=UTC 0 9 * *', 'minute'],
  ])('%j is refused', (text, words) => {
    expect(cronProblem(text)).toMatchObject({
      severity: 'error',
      message: expect.stringContaining(words),
    });
  });

  test('days of the month and of the week together are warned about', () => {
    expect(cronProblem('0 9 13 * 5')).toMatchObject({ severity: 'warning' });
  });
});

describe('triggers', () => {
  test('that are right have no issues', () => {
    expect(
      problems([
        {
          type: 'event',
          event: 'e',
          filter: { left: '{{ lead.score }}', operator: 'gt', right: 1 },
        },
        { type: 'event', event: 'e', filter: '{{ trigger.data.ok }}' },
        { type: 'schedule', cron: '0 9 * * *', timezone: 'Asia/Dubai', overlap: 'allowAll' },
        { type: 'schedule', every: '15m', input: { at: '{{ trigger.scheduledAt }}' } },
        { type: 'webhook', auth: 'token' },
        { type: 'webhook', auth: 'hmac', credential: 'c', header: 'X-Signature' },
        { type: 'inbound', connector: 'whatsapp' },
        { type: 'manual' },
        { type: 'api' },
      ]),
    ).toEqual([]);
  });

  test.each([
    [{ type: 'schedule' }, 'error invalid_schedule /triggers/0'],
    [{ type: 'schedule', cron: '@daily', every: '1h' }, 'error invalid_schedule /triggers/0'],
    [{ type: 'schedule', cron: 'daily' }, 'error invalid_cron /triggers/0/cron'],
    [{ type: 'schedule', every: '0.5s' }, 'error invalid_schedule /triggers/0/every'],
    [{ type: 'schedule', every: '1.5s' }, 'error invalid_schedule /triggers/0/every'],
    [
      { type: 'schedule', every: '1h', timezone: 'Mars/Olympus' },
      'error invalid_timezone /triggers/0/timezone',
    ],
    [
      { type: 'schedule', every: '1h', timezone: '+04:00' },
      'error invalid_timezone /triggers/0/timezone',
    ],
    [
      { type: 'schedule', every: '1h', timezone: 'asia/dubai' },
      'error invalid_timezone /triggers/0/timezone',
    ],
    [
      { type: 'schedule', every: '1h', catchupWindow: '5s' },
      'error invalid_schedule /triggers/0/catchupWindow',
    ],
    [{ type: 'webhook', auth: 'hmac' }, 'error incomplete_webhook /triggers/0'],
    [
      { type: 'webhook', auth: 'token', header: 'x-secret' },
      'error incomplete_webhook /triggers/0',
    ],
    [
      { type: 'webhook', auth: 'token', timeout: '31s', respond: 'wait' },
      'error invalid_webhook /triggers/0/timeout',
    ],
    [
      { type: 'webhook', auth: 'hmac', credential: 'c', header: 'h', signed: '{timestamp}' },
      'error invalid_webhook /triggers/0/signed',
    ],
    [
      {
        type: 'webhook',
        auth: 'hmac',
        credential: 'c',
        header: 'h',
        timestampHeader: 't',
        signed: '{body}',
      },
      'error invalid_webhook /triggers/0/signed',
    ],
    [
      { type: 'event', event: 'e', filter: '{{ nodes.n.output }}' },
      'error unknown_reference /triggers/0/filter',
    ],
    [
      { type: 'event', event: 'e', filter: { left: '{{ led.x }}', operator: 'exists' } },
      'error unknown_reference /triggers/0/filter/left',
    ],
    [
      { type: 'event', event: 'e', filter: '{{ lead.x' },
      'error invalid_expression /triggers/0/filter',
    ],
    [{ type: 'inbound', connector: 'fax' }, 'error unknown_connector /triggers/0/connector'],
  ])('%j is refused', (trigger, expected) => {
    expect(problems([trigger])).toContain(expected);
  });

  test('are known by their ids, or by type and number', () => {
    const keys = withKeys([
      { type: 'schedule' },
      { type: 'schedule', id: 'monthly' },
      { type: 'schedule' },
      { type: 'webhook' },
    ]).map(({ key }) => key);
    expect(keys).toEqual(['schedule', 'monthly', 'schedule-2', 'webhook']);
    expect(
      problems([
        { type: 'api', id: 'a' },
        { type: 'manual', id: 'a' },
      ]),
    ).toContain('error duplicate_trigger_id /triggers/1/id');
  });

  test('settings: an automation may not be its own failure handler; keys name what is known', () => {
    expect(
      problems([], { onFailure: 'w', concurrency: { key: '{{ nodes.n.output }}', limit: 1 } }),
    ).toEqual([
      'error failure_of_itself /settings/onFailure',
      'error unknown_reference /settings/concurrency/key',
    ]);
  });
});

describe('filters', () => {
  const scope = { lead: { score: 80 }, trigger: { data: { ok: false } } };

  test.each([
    [undefined, true],
    [{ left: '{{ lead.score }}', operator: 'gte', right: 80 }, true],
    [{ all: [{ left: '{{ lead.score }}', operator: 'lt', right: 80 }] }, false],
    ['{{ trigger.data.ok }}', false],
    ['{% if lead.score > 50 %}true{% else %}false{% endif %}', true],
  ])('%j gives %j', (filter, expected) => {
    expect(passesFilter(filter, scope)).toBe(expected);
  });

  test.each([
    ['{{ lead.score }}'],
    ['{{ lead.unknown }}'],
    [{ left: 1, operator: 'gt', right: [] }],
  ])('%j can’t be decided', (filter) => {
    expect(() => passesFilter(filter, scope)).toThrow();
  });
});
