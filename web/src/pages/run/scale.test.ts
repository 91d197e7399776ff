import { describe, expect, it } from 'vitest';
import type { RunStep } from '@/api/types';
import { layOut } from './scale';

const now = new Date('2026-11-22T10:00:30Z');

function step(id: string, status: RunStep['status'], startedAt?: string, endedAt?: string): RunStep {
  const times = { ...(startedAt && { startedAt }), ...(endedAt && { endedAt }) };
  return { id, name: id, action: 'debug:log', status, attempts: startedAt ? 1 : 0, ...times };
}

describe('layOut', () => {
  it('places steps one after another, without the idle time between them', () => {
    const spans = layOut(
      [
        step('fetch', 'completed', '2026-11-22T09:00:00Z', '2026-11-22T09:00:10Z'),
        step('publish', 'processing', '2026-11-22T10:00:00Z'),
        step('register', 'open'),
      ],
      now,
    );
    expect(spans.get('fetch')).toEqual({ start: 0, share: 0.25, duration: 10_000 });
    expect(spans.get('publish')).toEqual({ start: 0.25, share: 0.75, duration: 30_000 });
    expect(spans.has('register')).toBe(false);
  });

  it('leaves out skipped steps', () => {
    expect(layOut([step('docs', 'skipped', '2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z')], now).size).toBe(0);
  });

  it('handles steps without a duration and clocks that differ', () => {
    const spans = layOut([step('log', 'completed', '2026-11-22T10:00:01Z', '2026-11-22T10:00:00Z')], now);
    expect(spans.get('log')).toEqual({ start: 0, share: 0, duration: 0 });
  });
});
