import { expect, it } from 'vitest';
import { reduce, type Sync } from './use-sync';

const begun: Sync = { state: 'checking', log: [], error: undefined };

it('follows a build by its events', () => {
  const building = reduce(begun, { event: 'log', data: '\u001b[32minfo\u001b[39m: Step 1 of 3' });
  expect(building).toEqual({ state: 'building', log: ['info: Step 1 of 3'], error: undefined });
  expect(reduce(building, { event: 'finish', data: { updated: true } }).state).toBe('updated');
  expect(reduce(building, { event: 'finish', data: { updated: false } }).state).toBe('current');
  expect(reduce(building, { event: 'error', data: 'no mkdocs.yml' })).toMatchObject({
    state: 'failed',
    error: 'no mkdocs.yml',
  });
  expect(reduce(building, { event: 'start', data: undefined })).toEqual(begun);
});
