import type { RunSummary } from '@/api/types';

/** When a run began: before a worker took it up, when it was asked for. What it took is counted from here everywhere. */
export function beganAt({ startedAt, createdAt }: Pick<RunSummary, 'startedAt' | 'createdAt'>): string {
  return startedAt ?? createdAt;
}
