import { describe, expect, it } from 'vitest';
import { linesOf } from '@/run/log';
import { matchingLines, readLines } from './log-search';

describe('readLines', () => {
  it.each([
    ['12', { first: 12, last: 12 }],
    ['12-20', { first: 12, last: 20 }],
    ['20-12', { first: 12, last: 20 }],
    ['x', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %s', (text, lines) => {
    expect(readLines(text)).toEqual(lines);
  });
});

describe('matchingLines', () => {
  const lines = linesOf({
    id: 1,
    isTaskRecoverable: false,
    taskId: 't',
    type: 'log',
    createdAt: '2026-11-22T10:00:00Z',
    body: { message: '\u001b[31mError\u001b[0m: no\nfine\nanother error' },
  });
  it('ignores case and colours', () => {
    expect(matchingLines(lines, ' ERROR')).toEqual([0, 2]);
  });
  it('finds nothing for an empty term', () => {
    expect(matchingLines(lines, '  ')).toEqual([]);
  });
});
