import type { RunDetail } from '@/api/types';

type Failed = Pick<RunDetail, 'phase' | 'error' | 'failedStep' | 'effects'>;

/**
 * Whether a retry, which uses the values and the template of the failed run, would fail again, because they
 * were refused or the name is taken. A step that has created something may conflict with itself; then a
 * rollback helps.
 */
export function needsOtherValues({ phase, error, failedStep, effects }: Failed): boolean {
  if (phase !== 'parked') return false;
  if (error?.name === 'InputError') return true;
  const madeSomething = effects.some(({ stepId, state }) => stepId === failedStep && state !== 'undone');
  return error?.name === 'ConflictError' && !madeSomething;
}
