import { describe, expect, test } from '@jest/globals';
import { createInteractions } from './interactions.ts';

const place = { nodeId: 'ok', iteration: '' };
const approval = { ...place, decision: 'approve', by: 'anna' } as const;

describe('a question', () => {
  test('can be answered once while it is asked', () => {
    const { approvals } = createInteractions();
    approvals.ask(place);
    expect(approvals.pending()).toBe(1);
    expect(approvals.answerTo(place)).toBeNull();
    approvals.validate(approval);
    approvals.answer(approval);
    expect(approvals.answerTo(place)).toEqual(approval);
    expect(() => approvals.validate(approval)).toThrow('"ok" has been answered already');
    approvals.withdraw(place);
    expect(approvals.pending()).toBe(0);
    expect(() => approvals.validate(approval)).toThrow('"ok" isn’t waiting for an answer');
  });

  test('of one item is not that of another', () => {
    const { approvals } = createInteractions();
    approvals.ask({ nodeId: 'ok', iteration: '1' });
    expect(() => approvals.validate({ ...approval, iteration: '2' })).toThrow(
      'Node "ok" (item 2) isn’t waiting',
    );
    approvals.validate({ ...approval, iteration: '1' });
    approvals.answer({ ...approval, iteration: '1' });
    expect(approvals.answerTo(place)).toBeNull();
  });

  test('of an approval is not one of an unknown send; each says so with its own code', () => {
    const { approvals, resolutions } = createInteractions();
    approvals.ask(place);
    const resolution = { ...place, outcome: 'sent' } as const;
    expect(() => resolutions.validate(resolution)).toThrow(
      expect.objectContaining({ type: 'not_unknown' }),
    );
    resolutions.ask(place);
    resolutions.answer(resolution);
    expect(() => resolutions.validate(resolution)).toThrow(
      expect.objectContaining({ type: 'already_resolved' }),
    );
    expect(() => approvals.validate({ ...approval, nodeId: 'no' })).toThrow(
      expect.objectContaining({ type: 'not_waiting' }),
    );
  });
});

describe('events', () => {
  test('are taken by name, the oldest first, each once', () => {
    const { receive, takeEvent } = createInteractions();
    receive({ event: 'paid', data: 1 });
    receive({ event: 'opened', data: 2 });
    receive({ event: 'paid', data: 3 });
    expect(takeEvent('paid')).toMatchObject({ data: 1 });
    expect(takeEvent('paid')).toMatchObject({ data: 3 });
    expect(takeEvent('paid')).toBeUndefined();
    expect(takeEvent('opened')).toMatchObject({ data: 2 });
  });

  test('are kept up to a thousand', () => {
    const { receive, takeEvent } = createInteractions();
    for (let number = 0; number <= 1_000; number += 1) receive({ event: 'e', data: number });
    expect(takeEvent('e')).toMatchObject({ data: 1 });
  });
});

test('what came and was not used is there again in the next run', () => {
  const before = createInteractions();
  before.receive({ event: 'opened', data: 1 });
  before.setPaused(true);
  before.approvals.ask(place);
  before.approvals.answer(approval);
  before.resolutions.ask({ nodeId: 'mail', iteration: '2' });

  const after = createInteractions(JSON.parse(JSON.stringify(before.state())));
  expect(after.isPaused()).toBe(true);
  expect(after.takeEvent('opened')).toMatchObject({ data: 1 });
  after.approvals.ask(place);
  expect(after.approvals.answerTo(place)).toEqual(approval);
  expect(after.resolutions.pending()).toBe(1);
});
