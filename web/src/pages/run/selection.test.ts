import { describe, expect, it } from 'vitest';
import type { RunStep } from '@/api/types';
import { rowInView, stepInFocus, wholeRun } from './selection';

function steps(...statuses: RunStep['status'][]): RunStep[] {
  return statuses.map((status, index) => ({
    id: `s${index + 1}`,
    name: 'Step',
    action: 'debug:log',
    status,
    attempts: 1,
  }));
}

describe('stepInFocus', () => {
  it('is the failed step of a parked run, and otherwise the whole run', () => {
    const failed = steps('completed', 'failed', 'skipped', 'completed');
    expect(stepInFocus({ phase: 'parked', steps: failed })).toBe('s2');
    expect(stepInFocus({ phase: 'rolledBack', steps: failed })).toBe(wholeRun);
    expect(stepInFocus({ phase: 'running', steps: steps('completed', 'processing') })).toBe(wholeRun);
    expect(stepInFocus({ phase: 'parked', steps: steps('completed') })).toBe(wholeRun);
  });
});

describe('rowInView', () => {
  it('follows the running step until a step is selected', () => {
    const moving = steps('completed', 'processing', 'open');
    expect(rowInView({ steps: moving }, wholeRun)).toBe(2);
    expect(rowInView({ steps: moving }, 's3')).toBe(3);
    expect(rowInView({ steps: steps('completed') }, wholeRun)).toBe(0);
  });
});
