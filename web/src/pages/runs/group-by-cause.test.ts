import { expect, it } from 'vitest';
import type { RunSummary } from '@/api/types';
import { groupByCause } from './group-by-cause';

function failed(id: string, message: string, failedStep = 'publish', templateRef = 'template:default/a'): RunSummary {
  return {
    id,
    templateRef,
    title: 'A',
    subject: '',
    status: 'failed',
    phase: 'parked',
    createdAt: '2026-11-22T10:00:00Z',
    failedStep,
    error: { name: 'Error', message },
  };
}

it('does not tell runs apart by what they make', () => {
  const made = (subject: string) => ({ ...failed(subject, `The repository acme/${subject} exists.`), subject });
  expect(groupByCause([made('web'), made('shop')])).toHaveLength(1);
});

it('says where they failed in the words of the template', () => {
  const run = { ...failed('1', 'no', 's31'), failedStepName: 'Publish' };
  expect(groupByCause([run])[0]?.step).toBe('Publish');
});

it('leaves out what somebody stopped', () => {
  const stopped = (phase: RunSummary['phase']) => ({ ...failed(phase, 'The run was stopped.'), phase });
  expect(groupByCause([stopped('cancelled'), stopped('rolledBack'), stopped('done')])).toHaveLength(1);
});

it('groups failures that differ only in names and numbers, the most frequent first', () => {
  const causes = groupByCause([
    failed('1', 'forge answered 503'),
    failed('2', 'repository "a" exists'),
    failed('3', 'repository "b" exists'),
    failed('4', 'repository "c" exists', 'register'),
    failed('5', 'repository "d" exists', 'publish', 'template:default/b'),
  ]);
  expect(causes.map((cause) => cause.runs.map((run) => run.id))).toEqual([['2', '3'], ['1'], ['4'], ['5']]);
});
