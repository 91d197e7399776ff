import type { RunSummary } from '@/api/types';

/** The name of a run: its subject or, without one, its template. */
export function runName(run: Pick<RunSummary, 'subject' | 'title'>): string {
  return run.subject || run.title;
}
