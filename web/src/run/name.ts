import type { RunSummary } from '@/api/types';

/** What people call a run: the thing it makes or, when the template names none, the template. */
export function runName(run: Pick<RunSummary, 'subject' | 'title'>): string {
  return run.subject || run.title;
}
