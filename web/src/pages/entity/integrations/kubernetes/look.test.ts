import { expect, it } from 'vitest';
import { pod } from './fixtures';
import { podLook, restartsOf, workloadLook } from './look';

const phase = (name: string, more = {}) => pod('shop-1', {}, { status: { phase: name, ...more } });

it.each([
  ['Running', pod('shop-1')],
  ['Not ready', phase('Running', { conditions: [{ type: 'Ready', status: 'False' }] })],
  ['Pending', phase('Pending')],
  ['Completed', phase('Succeeded')],
  ['Evicted', phase('Failed', { reason: 'Evicted' })],
  ['Terminating', pod('shop-1', {}, { metadata: { name: 'shop-1', deletionTimestamp: '2026-11-30T12:00:00Z' } })],
  ['CrashLoopBackOff', pod('shop-1', { state: { waiting: { reason: 'CrashLoopBackOff' } } })],
  [
    'ContainerCreating',
    phase('Pending', {
      containerStatuses: [
        { name: 'main', ready: false, restartCount: 0, state: { waiting: { reason: 'ContainerCreating' } } },
      ],
    }),
  ],
])('a pod is %s', (word, one) => {
  expect(podLook(one).word).toBe(word);
});

it('counts the restarts of all containers', () => {
  const restarted = pod('shop-1', { restartCount: 2 });
  restarted.status?.containerStatuses?.push({ name: 'proxy', ready: true, restartCount: 1 });
  expect(restartsOf(restarted)).toBe(3);
});

it('a workload is as far as its replicas', () => {
  expect(workloadLook({ ready: 1, wanted: 2 }).word).toBe('1 of 2 ready');
});
