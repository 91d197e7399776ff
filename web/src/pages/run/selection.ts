import type { RunDetail } from '@/api/types';

/** Selects the run itself instead of one of its steps. */
export const wholeRun = '*';

/**
 * Where one looks first: at the step that failed when the run waits for a decision, else at the whole. A run that
 * moves is followed in its own log: going from step to step with it would be a flicker.
 */
export function stepInFocus({ phase, steps }: Pick<RunDetail, 'phase' | 'steps'>): string {
  const failed = phase === 'parked' && steps.find((step) => step.status === 'failed');
  return failed ? failed.id : wholeRun;
}

/** The row of the timeline to keep in view, from 0 for the whole run: the selected step's, else that of the step that moves. */
export function rowInView({ steps }: Pick<RunDetail, 'steps'>, selected: string): number {
  const row =
    selected === wholeRun
      ? steps.findLastIndex((step) => step.status === 'processing')
      : steps.findIndex((step) => step.id === selected);
  return row + 1;
}
