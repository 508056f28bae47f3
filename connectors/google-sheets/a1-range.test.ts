import { describe, expect, test } from '@jest/globals';
import { firstCellOf, parseRange } from './a1-range.ts';

describe('parseRange', () => {
  test.each([
    ['Leads!A:D', 'Leads', 0],
    ['Leads!B2:D', 'Leads', 1],
    ['Leads!$C$3', 'Leads', 2],
    ['Leads!AA:AC', 'Leads', 26],
    ['Leads!1:1', 'Leads', 0],
    ['Leads', 'Leads', 0],
    ['Leads!', 'Leads', 0],
    ['العملاء!A:D', 'العملاء', 0],
    ["'My Sheet'!A1", 'My Sheet', 0],
    ["'My Sheet'", 'My Sheet', 0],
    ["'Ali''s!sheet'!C:E", "Ali's!sheet", 2],
    ['2026 Leads!A:B', '2026 Leads', 0],
    ['A:D', undefined, 0],
    ['C5', undefined, 2],
  ])('reads %s', (range, title, startColumn) => {
    expect(parseRange(range)).toEqual({ title, startColumn });
  });

  test.each(['!A:D', "'My Sheet!A1", 'Leads!A:D:E', 'Leads!Ä', ''])('refuses "%s"', (range) => {
    expect(() => parseRange(range)).toThrow(/A1 notation/);
  });

  test('quotes titles so that they are no named range', () => {
    expect(firstCellOf("Ali's")).toBe("'Ali''s'!A1");
  });
});
