/** What a definition says is what happens, as the API shows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type Node,
  nodeOf,
  startWorkbench,
  statuses,
  type Workbench,
} from '../support/workbench.ts';

let desk: Workbench;

beforeAll(async () => {
  desk = await startWorkbench();
}, 60_000);

afterAll(() => desk.stop(), 60_000);

describe('paths', () => {
  const branch = (id: string, path: string): Node => desk.reads(id, path);

  test('a branch that is not taken is skipped, and the join runs all the same', async () => {
    const executionId = await desk.run('join', {
      nodes: [
        {
          id: 'hot',
          type: 'condition',
          config: { left: '{{ lead.score }}', operator: 'gte', right: 50 },
        },
        branch('yes', '/join/yes'),
        branch('no', '/join/no'),
        branch('later', '/join/later'),
        branch('end', '/join/end'),
      ],
      connections: [
        { from: 'hot', output: 'true', to: 'yes' },
        { from: 'hot', output: 'false', to: 'no' },
        { from: 'no', to: 'later' },
        { from: 'yes', to: 'end' },
        { from: 'later', to: 'end' },
      ],
    });
    const execution = await desk.stack.ended(executionId);
    expect(execution.status).toBe('succeeded');
    expect(statuses(execution)).toEqual({
      hot: 'succeeded',
      yes: 'succeeded',
      no: 'skipped',
      later: 'skipped',
      end: 'succeeded',
    });
    expect(nodeOf(execution, 'hot')).toMatchObject({
      output: { result: true },
      outputPort: 'true',
    });
    expect([desk.web.asked('/join/no').length, desk.web.asked('/join/end').length]).toEqual([0, 1]);
    expect(execution.result).toMatchObject({ end: { status: 200, body: { ok: true } } });
  }, 30_000);

  test('parallel branches run at the same time, and their join once, after both', async () => {
    const both = async () => {
      while (desk.web.asked('/both/a').length + desk.web.asked('/both/b').length < 2)
        await sleep(20);
      return { status: 200, body: { join: desk.web.asked('/both/join').length } };
    };
    const executionId = await desk.run('both', {
      nodes: [
        desk.reads('a', '/both/a', both),
        desk.reads('b', '/both/b', both),
        desk.reads('join', '/both/join'),
      ],
      connections: [
        { from: 'a', to: 'join' },
        { from: 'b', to: 'join' },
      ],
    });
    const execution = await desk.stack.ended(executionId);
    expect(statuses(execution)).toEqual({ a: 'succeeded', b: 'succeeded', join: 'succeeded' });
    expect(nodeOf(execution, 'b').output).toMatchObject({ body: { join: 0 } });
    expect(desk.web.asked('/both/join')).toHaveLength(1);
  }, 30_000);

  test('a failure goes on through the error output, or past it, where the definition says so', async () => {
    const refused = { status: 404 };
    const [withOutput, passedOver] = await Promise.all([
      desk.run('error-output', {
        nodes: [
          desk.reads('bad', '/error-output', refused),
          branch('ok', '/error-output/ok'),
          {
            id: 'caught',
            type: 'set',
            config: { values: { why: '{{ nodes.bad.error.code }}', is: '{{ nodes.bad.status }}' } },
          },
        ],
        connections: [
          { from: 'bad', to: 'ok' },
          { from: 'bad', output: 'error', to: 'caught' },
        ],
      }),
      desk.run('continue', {
        nodes: [
          { ...desk.reads('bad', '/continue', refused), onError: 'continue' },
          branch('next', '/continue/next'),
        ],
        connections: [{ from: 'bad', to: 'next' }],
      }),
    ]);
    const execution = await desk.stack.ended(withOutput);
    expect(execution).toMatchObject({
      status: 'succeeded',
      error: null,
      result: { caught: { why: 'not_found', is: 'failed' } },
    });
    expect(statuses(execution)).toEqual({ bad: 'failed', ok: 'skipped', caught: 'succeeded' });

    const other = await desk.stack.ended(passedOver);
    expect(other.status).toBe('succeeded');
    expect(statuses(other)).toEqual({ bad: 'failed', next: 'succeeded' });
    expect(nodeOf(other, 'bad').error).toMatchObject({ code: 'not_found', nodeId: 'bad' });
  }, 30_000);

  test('an expression that can’t be rendered names its node, the field and the name', async () => {
    const executionId = await desk.run('expression', {
      nodes: [
        branch('first', '/expression'),
        {
          id: 'bad',
          name: 'Tell the CRM',
          type: 'http',
          config: {
            method: 'POST',
            url: desk.web.on('/expression/bad'),
            body: { a: [{ b: '{{ lead.mobile }}' }] },
          },
        },
        branch('next', '/expression/next'),
      ],
      connections: [
        { from: 'first', to: 'bad' },
        { from: 'bad', to: 'next' },
      ],
    });
    const execution = await desk.stack.ended(executionId);
    expect(execution).toMatchObject({
      status: 'failed',
      error: {
        code: 'unknown_name',
        nodeId: 'bad',
        message: expect.stringMatching(/Tell the CRM.*lead\.mobile/s),
        details: { pointer: '/config/body/a/0/b' },
      },
    });
    expect(statuses(execution)).toEqual({ first: 'succeeded', bad: 'failed', next: 'skipped' });
    expect(desk.web.asked('/expression/bad')).toHaveLength(0);
  }, 30_000);
});

describe('retries', () => {
  test('a 429 is repeated after the time that it asks for', async () => {
    const executionId = await desk.run('retry-after', {
      nodes: [
        {
          ...desk.writes(
            'limited',
            '/retry-after',
            { status: 429, headers: { 'retry-after': '2' } },
            { status: 200, body: { id: 7 } },
          ),
          retry: { initialInterval: '50ms' },
        },
      ],
    });
    await desk.untilNode(executionId, 'limited', 'retrying');
    expect(nodeOf(await desk.stack.execution(executionId), 'limited')).toMatchObject({
      attempts: 1,
      error: { code: 'rate_limited', details: { status: 429 } },
    });
    const execution = await desk.stack.ended(executionId);
    expect(nodeOf(execution, 'limited')).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      output: { body: { id: 7 } },
      error: null,
    });
    const [first = 0, second = 0, ...more] = desk.web.asked('/retry-after');
    expect(more).toEqual([]);
    expect(second - first).toBeGreaterThanOrEqual(1_950);
    expect(second - first).toBeLessThan(6_000);
  }, 30_000);

  test('a server that stays broken fails the node once its attempts are used up', async () => {
    const executionId = await desk.run('exhausted', {
      nodes: [
        {
          ...desk.reads('broken', '/exhausted', { status: 503 }),
          retry: { maximumAttempts: 3, initialInterval: '20ms' },
        },
        desk.reads('next', '/exhausted/next'),
      ],
      connections: [{ from: 'broken', to: 'next' }],
    });
    const execution = await desk.stack.ended(executionId);
    expect(execution).toMatchObject({
      status: 'failed',
      result: null,
      error: { code: 'unavailable', nodeId: 'broken', details: { status: 503 } },
    });
    expect(nodeOf(execution, 'broken')).toMatchObject({ status: 'failed', attempts: 3 });
    expect(desk.web.asked('/exhausted')).toHaveLength(3);
    const { body } = await desk.stack.call('GET', '/api/automation/workflow/exhausted/logs');
    expect(body.items).toMatchObject([
      { nodeId: 'broken', status: 'failed', retryCount: 2, maxRetries: 2 },
      { nodeId: 'next', status: 'skipped' },
    ]);
    // Temporal's own lists tell the truth as well.
    const { status } = await desk.client.workflow.getHandle(executionId).describe();
    expect(status.name).toBe('FAILED');
  }, 30_000);

  test('without a pause between them attempts follow one another to the last', async () => {
    const executionId = await desk.run('no-pause', {
      nodes: [
        {
          ...desk.reads('broken', '/no-pause', { status: 503 }),
          retry: { maximumAttempts: 4, initialInterval: '0s', maximumInterval: '0s' },
        },
      ],
    });
    const execution = await desk.stack.ended(executionId);
    expect(nodeOf(execution, 'broken')).toMatchObject({ status: 'failed', attempts: 4 });
    expect(desk.web.asked('/no-pause')).toHaveLength(4);
  }, 30_000);
});

describe('sends whose outcome can’t be known', () => {
  test('are held for a person, who says that it did not take place', async () => {
    desk.emulators.whatsapp.injectWhere((request) => request.text().includes('held for a person'), {
      kind: 'hangAfterAccept',
    });
    const executionId = await desk.run('held', {
      nodes: [
        {
          id: 'wa',
          type: 'whatsapp',
          config: { to: '{{ lead.phone }}', text: 'held for a person' },
          timeout: '500ms',
        },
        desk.reads('next', '/held/next'),
      ],
      connections: [{ from: 'wa', to: 'next' }],
    });
    await desk.stack.until(
      'the execution is held',
      async () => (await desk.stack.execution(executionId)).status === 'unknown',
    );
    const held = await desk.stack.execution(executionId);
    expect(held.endedAt).toBeNull();
    expect(nodeOf(held, 'wa')).toMatchObject({
      status: 'unknown',
      attempts: 1,
      error: { code: 'timeout' },
    });
    const path = `/api/executions/${executionId}/nodes/wa/resolve`;
    expect((await desk.stack.call('POST', path, { outcome: 'not_sent' })).status).toBe(202);
    const execution = await desk.stack.ended(executionId);
    expect(execution).toMatchObject({ status: 'failed', error: { nodeId: 'wa' } });
    expect(statuses(execution)).toEqual({ wa: 'failed', next: 'skipped' });
    expect((await desk.stack.call('POST', path, { outcome: 'resend' })).status).toBe(409);
    expect(await desk.sent(executionId)).toBe(1);
  }, 30_000);

  test('are sent again, or taken as sent, where the node says so', async () => {
    const blind = (onUnknown: 'resend' | 'assume-sent'): Node => ({
      ...desk.writes('post', `/${onUnknown}`, 'hang', { status: 201, body: { id: 9 } }),
      timeout: '500ms',
      onUnknown,
      retry: { initialInterval: '20ms' },
    });
    const [again, assumed] = await Promise.all([
      desk.run('unknown-resend', { nodes: [blind('resend')] }),
      desk.run('unknown-assume-sent', { nodes: [blind('assume-sent')] }),
    ]);
    expect(nodeOf(await desk.stack.ended(again), 'post')).toMatchObject({
      status: 'succeeded',
      attempts: 2,
      output: { status: 201 },
    });
    expect(desk.web.asked('/resend')).toHaveLength(2);

    const execution = await desk.stack.ended(assumed);
    expect(execution.status).toBe('succeeded');
    expect(nodeOf(execution, 'post')).toMatchObject({
      status: 'succeeded',
      attempts: 1,
      output: { assumed: true },
    });
    expect(desk.web.asked('/assume-sent')).toHaveLength(1);
  }, 30_000);
});

describe('ends', () => {
  const waitsForHours = (id: string, path: string): Node => ({
    ...desk.reads(id, path, { status: 503 }),
    retry: { initialInterval: '5h' },
  });

  test('cancelling ends a node that waits for its retry', async () => {
    const executionId = await desk.run('cancel', {
      nodes: [waitsForHours('waits', '/cancel'), desk.reads('next', '/cancel/next')],
      connections: [{ from: 'waits', to: 'next' }],
      settings: { timeout: '7d' },
    });
    await desk.untilNode(executionId, 'waits', 'retrying');
    const answer = await desk.stack.call('POST', `/api/executions/${executionId}/cancel`, {
      reason: 'The lead asked for it.',
    });
    expect(answer.status).toBe(202);
    const execution = await desk.stack.ended(executionId);
    expect(execution.status).toBe('cancelled');
    expect(statuses(execution)).toEqual({ waits: 'cancelled', next: 'skipped' });
    const { status } = await desk.client.workflow.getHandle(executionId).describe();
    expect(status.name).toBe('CANCELLED');
  }, 30_000);

  test('the time limit of an execution ends whatever it waits for', async () => {
    const settings = { timeout: '1s' };
    const executionIds = await Promise.all([
      desk.run('limit-retry', { nodes: [waitsForHours('slow', '/limit-retry')], settings }),
      desk.run('limit-attempt', {
        nodes: [desk.reads('slow', '/limit-attempt', 'hang')],
        settings,
      }),
    ]);
    for (const executionId of executionIds) {
      const execution = await desk.stack.ended(executionId);
      expect(execution).toMatchObject({
        status: 'timed_out',
        error: { code: 'execution_timed_out' },
      });
      expect(statuses(execution)).toEqual({ slow: 'cancelled' });
    }
  }, 40_000);
});
