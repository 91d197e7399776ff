import type { RunDetail } from '@/api/types';

/** Selects the run itself instead of one of its steps. */
export const wholeRun = '*';

/** Where one looks first: the step that failed, else the one that runs, else the last one that did anything. */
export function stepInFocus(run: RunDetail): string {
  const failed = run.steps.find((step) => step.status === 'failed');
  const running = run.steps.findLast((step) => step.status === 'processing');
  const last = run.steps.findLast((step) => step.startedAt && step.status !== 'skipped');
  return (failed ?? running ?? last ?? run.steps[0])?.id ?? wholeRun;
}
