import type { RunDetail } from '@/api/types';

type Failed = Pick<RunDetail, 'phase' | 'error' | 'failedStep' | 'effects'>;

/**
 * Whether a retry, which keeps the values and the template of a failed run, would fail again: they were refused, or what
 * the step was to make is somebody else's. A step that has made something may be in its own way, and then it is the
 * rollback that helps.
 */
export function needsOtherValues({ phase, error, failedStep, effects }: Failed): boolean {
  if (phase !== 'parked') return false;
  if (error?.name === 'InputError') return true;
  const madeSomething = effects.some(({ stepId, state }) => stepId === failedStep && state !== 'undone');
  return error?.name === 'ConflictError' && !madeSomething;
}
