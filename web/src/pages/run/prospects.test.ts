import { expect, it } from 'vitest';
import type { Effect } from '@/api/types';
import { needsOtherValues } from './prospects';

const effect = (stepId: string, state: Effect['state']): Effect => ({
  id: `${stepId} ${state}`,
  runId: 'run',
  stepId,
  action: 'publish:github',
  kind: 'github:repository',
  name: 'acme/shop',
  key: 'acme/shop',
  intendedAt: '2026-11-22T10:00:00Z',
  state,
});

const failed = (name: string, ...effects: Effect[]) => ({
  phase: 'parked' as const,
  failedStep: 's31',
  error: { name, message: 'no' },
  effects,
});

it.each([
  ['refused values', failed('InputError'), true],
  ['refused values of a step that had begun to make things', failed('InputError', effect('s31', 'created')), true],
  ['a name that is taken', failed('ConflictError', effect('s31', 'undone'), effect('before', 'created')), true],
  ['something of its own in its way', failed('ConflictError', effect('s31', 'created')), false],
  ['something that may pass', failed('ServiceUnavailableError'), false],
  ['a right that is missing', failed('NotAllowedError'), false],
  ['nothing any more', { ...failed('InputError'), phase: 'running' as const }, false],
])('a run that stopped at %s', (_, run, expected) => {
  expect(needsOtherValues(run)).toBe(expected);
});
