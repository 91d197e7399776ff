import { expect, it } from 'vitest';
import type { GivenCommand } from '@/api/types';
import { foundBy } from './commands';

const retry: GivenCommand = {
  command: 'retry',
  by: 'user:default/ada',
  at: '2026-11-22T10:00:00Z',
  attempt: 1,
  phase: 'parked',
};

it.each<[Partial<GivenCommand>, string]>([
  [
    { failedStep: 's3', failedStepName: 'Publish', error: { name: 'Error', message: 'The name is taken' } },
    'Attempt 1 had failed at “Publish”: The name is taken',
  ],
  [{ failedStep: 's3' }, 'Attempt 1 had failed at “s3”.'],
  [{ phase: 'cancelled', attempt: 2, failedStepName: 'Rest' }, 'Attempt 2 had been cancelled at “Rest”.'],
  [{ command: 'cancel', phase: 'waiting' }, 'Attempt 1 was under way.'],
  [{ command: 'rollback', phase: 'done' }, 'Attempt 1 had completed.'],
  [{ phase: 'rolledBack' }, 'Attempt 1 had been rolled back.'],
])('says what a command found: %o', (changed, words) => {
  expect(foundBy({ ...retry, ...changed })).toBe(words);
});
