import type { RunSummary } from '@/api/types';

/**
 * When a run began; for a queued run, when it was requested. Its duration is counted from its `timedFrom`.
 */
export function beganAt({ startedAt, createdAt }: Pick<RunSummary, 'startedAt' | 'createdAt'>): string {
  return startedAt ?? createdAt;
}
