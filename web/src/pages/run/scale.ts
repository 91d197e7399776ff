import type { RunStep } from '@/api/types';

/** Where a step lies on the run's scale, both from 0 to 1, and how long it took in milliseconds. */
export interface Span {
  start: number;
  share: number;
  duration: number;
}

/**
 * Lays the steps out end to end on the time in which something ran. Time in which nothing did, such as a night spent
 * waiting for a decision, has no place on the scale, or it would press every step to a hair. Steps that have not
 * begun are left out.
 */
export function layOut(steps: readonly RunStep[], now: Date): Map<string, Span> {
  const durations = new Map<string, number>();
  for (const step of steps) {
    if (!step.startedAt || step.status === 'skipped') continue;
    const end = step.endedAt ? new Date(step.endedAt) : now;
    durations.set(step.id, Math.max(0, end.getTime() - new Date(step.startedAt).getTime()));
  }
  const total = [...durations.values()].reduce((sum, duration) => sum + duration, 0);
  const spans = new Map<string, Span>();
  let passed = 0;
  for (const [id, duration] of durations) {
    spans.set(id, { start: ratio(passed, total), share: ratio(duration, total), duration });
    passed += duration;
  }
  return spans;
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
