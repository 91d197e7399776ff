import type { RunSummary } from '@/api/types';

export interface Cause {
  key: string;
  message: string;
  templateRef: string;
  /** The name of the step at which they failed. */
  step: string | undefined;
  runs: RunSummary[];
}

/**
 * Puts together runs of one template that failed at the same step with the same words, apart from what differs in
 * each: what the run makes, names in quotes, numbers, ids. In Backstage's words a run that was cancelled or rolled back
 * has failed too; neither has a cause.
 */
export function groupByCause(runs: readonly RunSummary[]): Cause[] {
  const causes = new Map<string, Cause>();
  for (const run of runs) {
    if (run.phase === 'cancelled' || run.phase === 'rolledBack') continue;
    const message = run.error?.message ?? 'Failed without a message';
    const key = [run.templateRef, run.failedStep, blur(message, run.subject)].join('\n');
    const cause = causes.get(key);
    if (cause) cause.runs.push(run);
    else causes.set(key, { key, message, templateRef: run.templateRef, step: run.failedStepName, runs: [run] });
  }
  return [...causes.values()].sort((a, b) => b.runs.length - a.runs.length);
}

function blur(message: string, subject: string | undefined): string {
  const words = subject ? message.replaceAll(subject, '…') : message;
  return words.replace(/"[^"]*"|'[^']*'|“[^”]*”|`[^`]*`/g, '…').replace(/\b[0-9a-f]{8,}(?:-[0-9a-f]+)*\b|\d+/gi, '…');
}
