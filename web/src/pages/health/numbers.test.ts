import { expect, it } from 'vitest';
import { agesOf, counted } from './numbers';

it.each([
  [0, '0'],
  [1234, '1,234'],
  [10_000, '10,000 or more'],
])('says %d as %s', (count, text) => {
  expect(counted(count)).toBe(text);
});

it('says how many entities changed when', () => {
  expect(agesOf({ day: 2, week: 0, month: 1500, year: 0, older: 1 })).toBe(
    '2 changed within a day, 1,500 within a month, 1 longer ago',
  );
  expect(agesOf({ day: 0, week: 0, month: 0, year: 0, older: 0 })).toBe('none yet');
});
