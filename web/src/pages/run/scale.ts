import type { RunStep } from '@/api/types';

/** The start and end of a step on the run's scale, from 0 to 1, and its duration in milliseconds. */
export interface Span {
  start: number;
  share: number;
  duration: number;
}

/**
 * Places the steps on a scale of the time in which any step ran. Idle time, such as a night of waiting for a
 * decision, is left out, because every step would be too narrow otherwise. Steps that have not begun are left
 * out.
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
