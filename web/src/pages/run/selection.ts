import type { RunDetail } from '@/api/types';

/** Selects the run itself instead of one of its steps. */
export const wholeRun = '*';

/**
 * The initial selection: the failed step of a parked run, otherwise the run itself. A run in progress shows
 * the log of the whole run, because changing the selection with each step would flicker.
 */
export function stepInFocus({ phase, steps }: Pick<RunDetail, 'phase' | 'steps'>): string {
  const failed = phase === 'parked' && steps.find((step) => step.status === 'failed');
  return failed ? failed.id : wholeRun;
}

/**
 * The row of the timeline to keep in view: 0 for the whole run, the selected step's, or the running step's.
 */
export function rowInView({ steps }: Pick<RunDetail, 'steps'>, selected: string): number {
  const row =
    selected === wholeRun
      ? steps.findLastIndex((step) => step.status === 'processing')
      : steps.findIndex((step) => step.id === selected);
  return row + 1;
}
