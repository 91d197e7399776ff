import type { RunSummary } from '@/api/types';

/** The statistics of the ended runs of one template. */
export interface Statistics {
  ended: number;
  completed: number;
  /** Median time of a completed run, in milliseconds; undefined when none completed. */
  typical: number | undefined;
}

/**
 * Statistics by template reference, without cancelled and rolled-back runs, which say nothing about the
 * template.
 */
export function statisticsByTemplate(runs: readonly RunSummary[]): Map<string, Statistics> {
  const byTemplate = new Map<string, RunSummary[]>();
  for (const run of runs) {
    if (run.phase !== 'done' && run.phase !== 'parked') continue;
    byTemplate.set(run.templateRef, [...(byTemplate.get(run.templateRef) ?? []), run]);
  }
  return new Map([...byTemplate].map(([ref, alike]) => [ref, statisticsOf(alike)]));
}

function statisticsOf(runs: readonly RunSummary[]): Statistics {
  const times = runs
    .filter((run) => run.status === 'completed' && run.finishedAt)
    .map((run) => new Date(run.finishedAt ?? run.timedFrom).getTime() - new Date(run.timedFrom).getTime())
    .sort((a, b) => a - b);
  return { ended: runs.length, completed: times.length, typical: times[Math.floor(times.length / 2)] };
}
