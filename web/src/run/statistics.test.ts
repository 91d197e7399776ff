import { expect, it } from 'vitest';
import type { RunStatus, RunSummary } from '@/api/types';
import { statisticsByTemplate } from './statistics';

function run(templateRef: string, status: RunStatus, seconds: number): RunSummary {
  const createdAt = new Date('2026-11-22T10:00:00Z');
  const finishedAt = new Date(createdAt.getTime() + seconds * 1000);
  return {
    id: `${templateRef}${status}${seconds}`,
    templateRef,
    title: 't',
    subject: '',
    status,
    phase: 'done',
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
  };
}

it('counts what ended and takes the median of what completed', () => {
  const statistics = statisticsByTemplate([
    run('a', 'completed', 1),
    run('a', 'completed', 5),
    run('a', 'completed', 60),
    run('a', 'failed', 300),
    run('a', 'cancelled', 2),
    run('b', 'failed', 1),
    run('c', 'processing', 1),
  ]);
  expect(statistics.get('a')).toEqual({ ended: 4, completed: 3, typical: 5000 });
  expect(statistics.get('b')).toEqual({ ended: 1, completed: 0, typical: undefined });
  expect(statistics.has('c')).toBe(false);
});
