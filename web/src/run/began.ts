import type { RunSummary } from '@/api/types';

/** When a run began: before a worker took it up, when it was asked for. How long it took is counted from its `timedFrom`. */
export function beganAt({ startedAt, createdAt }: Pick<RunSummary, 'startedAt' | 'createdAt'>): string {
  return startedAt ?? createdAt;
}
