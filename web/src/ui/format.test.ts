import { describe, expect, it } from 'vitest';
import { formatCounting, formatDuration, formatRelative, plural } from './format';

describe('formatDuration', () => {
  it.each([
    [-5, '< 1 ms'],
    [0, '< 1 ms'],
    [340, '340 ms'],
    [999.6, '999 ms'],
    [4_260, '4.2 s'],
    [9_999, '9.9 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [72_400, '1 min 12 s'],
    [3_600_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
  ])('says %d ms as %s', (span, words) => {
    expect(formatDuration(span)).toBe(words);
  });
});

describe('formatCounting', () => {
  it.each([
    [-5, '0 s'],
    [340, '0 s'],
    [4_260, '4 s'],
    [72_400, '1 min 12 s'],
  ])('says %d ms as %s', (span, words) => {
    expect(formatCounting(span)).toBe(words);
  });
});

describe('formatRelative', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  it.each([
    ['2026-11-22T11:59:55Z', 'just now'],
    ['2026-11-22T12:00:03Z', 'just now'],
    ['2026-11-22T11:59:15Z', '45 s ago'],
    ['2026-11-22T11:20:00Z', '40 min ago'],
    ['2026-11-22T14:30:00Z', 'in 2 h'],
    ['2026-11-19T11:00:00Z', '3 d ago'],
  ])('says %s as %s', (moment, words) => {
    expect(formatRelative(new Date(moment), now)).toBe(words);
  });
});

describe('plural', () => {
  it('agrees with the number', () => {
    expect([plural(1, 'step'), plural(1200, 'entity', 'entities')]).toEqual(['1 step', '1,200 entities']);
  });
});
