import { expect, it } from 'vitest';
import { verdict } from './repo-availability';

it.each([
  [{ state: 'available' }, true, 'is free'],
  [{ state: 'available' }, false, 'is not there'],
  [{ state: 'taken' }, true, 'is there already: choose another name'],
  [{ state: 'taken' }, false, 'is there'],
  [{ state: 'refused', reason: 'acme lets only admins' }, true, 'cannot be made: acme lets only admins'],
  [{ state: 'unknown', reason: 'no answer' }, true, 'could not be looked up: no answer'],
] as const)('%j, when the template makes it (%s), is said as %j', (answer, creates, text) => {
  expect(verdict(answer, creates).text).toBe(text);
});
