import { expect, it } from 'vitest';
import { runLook, stepLook } from './status';

it.each([
  ['Waiting', { phase: 'waiting', status: 'processing' }],
  ['Cancelling', { phase: 'waiting', status: 'processing', cancelling: true }],
  ['Cancelled', { phase: 'cancelled', status: 'failed' }],
  ['Failed', { phase: 'parked', status: 'failed' }],
  ['Completed', { phase: 'done', status: 'completed' }],
] as const)('calls a run %s', (word, run) => {
  expect(runLook(run).word).toBe(word);
});

it('distinguishes waiting from running steps, and open steps from a starting run', () => {
  expect(stepLook({ status: 'processing' }).word).toBe('Running');
  expect(stepLook({ status: 'processing', waitingUntil: '2026-11-22T10:00:00Z' }).word).toBe('Waiting');
  expect(stepLook({ status: 'open' }).word).toBe('Not started');
  expect(runLook({ phase: 'done', status: 'open' }).word).toBe('Starting');
});
