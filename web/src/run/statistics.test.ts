import { expect, it } from 'vitest';
import type { RunPhase, RunSummary } from '@/api/types';
import { statisticsByTemplate } from './statistics';

function run(templateRef: string, phase: RunPhase, seconds: number): RunSummary {
  const createdAt = new Date('2026-11-22T10:00:00Z');
  const finishedAt = new Date(createdAt.getTime() + seconds * 1000);
  return {
    id: `${templateRef}${phase}${seconds}`,
    templateRef,
    title: 't',
    subject: '',
    // Backstage has one status for all runs that did not complete.
    status: phase === 'done' ? 'completed' : 'failed',
    phase,
    createdAt: createdAt.toISOString(),
    timedFrom: createdAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
  };
}

it('counts ended runs, and takes the median of completed ones', () => {
  const statistics = statisticsByTemplate([
    run('a', 'done', 1),
    run('a', 'done', 5),
    run('a', 'done', 60),
    run('a', 'parked', 300),
    run('a', 'cancelled', 2),
    run('a', 'rolledBack', 3),
    run('b', 'parked', 1),
    run('c', 'running', 1),
  ]);
  expect(statistics.get('a')).toEqual({ ended: 4, completed: 3, typical: 5000 });
  expect(statistics.get('b')).toEqual({ ended: 1, completed: 0, typical: undefined });
  expect(statistics.has('c')).toBe(false);
});
