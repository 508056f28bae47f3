import { describe, expect, test } from '@jest/globals';
import {
  appendMarker,
  expiredMarkers,
  KEPT_MARKERS,
  PRESSED_MIN_AGE_S,
  SWEEP_MIN_AGE_S,
} from './append-marker.ts';

const now = Math.floor(Date.now() / 1000);
const marker = (id: number, ageS: number, sheetId: number | undefined = undefined) => ({
  metadataId: id,
  metadataKey: appendMarker(`key-${id}`).metadataKey,
  metadataValue: (now - ageS).toString(36),
  location: sheetId === undefined ? {} : { sheetId },
});

describe('appendMarker', () => {
  test('is the same on every attempt, and short', () => {
    const { metadataKey, metadataId } = appendMarker('e/n/');
    expect(appendMarker('e/n/')).toEqual(appendMarker('e/n/'));
    expect(appendMarker('e/n/1').metadataKey).not.toBe(metadataKey);
    expect(metadataKey.length + now.toString(36).length).toBe(28);
    expect(metadataId).toBeGreaterThan(0);
    expect(metadataId).toBeLessThanOrEqual(0x7fffffff);
  });

  test('about one append in 50 sweeps', () => {
    const sweeps = Array.from({ length: 5_000 }, (_, at) => appendMarker(`key-${at}`).sweeps);
    expect(sweeps.filter(Boolean).length).toBeGreaterThan(60);
    expect(sweeps.filter(Boolean).length).toBeLessThan(140);
  });
});

describe('expiredMarkers', () => {
  const recent = Array.from({ length: KEPT_MARKERS }, (_, at) => marker(at + 1, 60));

  test('keeps the newest, whatever their age', () => {
    expect(expiredMarkers(recent, 0, 0)).toEqual([]);
  });

  test('removes the oldest beyond them, from the minimum age on', () => {
    const entries = [
      marker(10_001, SWEEP_MIN_AGE_S + 5),
      ...recent,
      marker(10_002, SWEEP_MIN_AGE_S - 5),
      marker(10_003, SWEEP_MIN_AGE_S + 500),
    ];
    expect(expiredMarkers(entries, 0, SWEEP_MIN_AGE_S)).toEqual([10_001, 10_003]);
    expect(expiredMarkers(entries, 0, PRESSED_MIN_AGE_S)).toEqual([10_002, 10_001, 10_003]);
  });

  test("leaves other sheets' and other applications' entries alone", () => {
    const entries = [
      ...recent,
      marker(10_001, 9_999, 7),
      { ...marker(10_002, 9_999), metadataKey: 'totals' },
    ];
    expect(expiredMarkers(entries, 0, SWEEP_MIN_AGE_S)).toEqual([]);
    expect(expiredMarkers(entries, 7, SWEEP_MIN_AGE_S)).toEqual([]);
  });
});
