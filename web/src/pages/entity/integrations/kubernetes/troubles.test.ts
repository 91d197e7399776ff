import { describe, expect, it } from 'vitest';
import { clusterWith, ownedBy, pod } from './fixtures';
import { troublesIn } from './troubles';

const now = new Date('2026-11-30T12:00:00Z');

function troubles(objects: Record<string, object[]>) {
  return troublesIn(clusterWith(objects), now).map(({ about, reason, message }) => [about, reason, message]);
}

function waiting(reason: string, message?: string) {
  return { ready: false, state: { waiting: { reason, ...(message && { message }) } } };
}

const probe = { initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 3 };

function unready(startedAt: string) {
  return pod(
    'shop-1',
    { ready: false, state: { running: { startedAt } } },
    { spec: { containers: [{ name: 'main', readinessProbe: probe }] } },
  );
}

describe('the troubles of a pod', () => {
  const container = 'Pod shop-1, container main';
  it.each([
    ['one that is well', pod('shop-1'), []],
    ['one that begins', pod('shop-1', waiting('ContainerCreating')), []],
    [
      'an image that is not there',
      pod('shop-1', waiting('ImagePullBackOff', 'Back-off pulling image "nope"')),
      [
        [
          container,
          'ImagePullBackOff',
          'The image does not exist, or the cluster may not pull it. Back-off pulling image "nope"',
        ],
      ],
    ],
    [
      'a container that ends again and again, for want of memory',
      pod('shop-1', {
        ...waiting('CrashLoopBackOff', 'back-off 5m0s'),
        restartCount: 4,
        lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
      }),
      [
        [
          container,
          'CrashLoopBackOff',
          'It ends soon after each start, and is started again at growing intervals. back-off 5m0s',
        ],
        [container, 'OOMKilled', 'It was restarted 4 times. The last time, it used more memory than its limit allows.'],
      ],
    ],
    [
      'a container that was restarted',
      pod('shop-1', { restartCount: 1, lastState: { terminated: { reason: 'Error', exitCode: 2 } } }),
      [[container, 'Error', 'It was restarted 1 time. The last time, its exit code was 2.']],
    ],
    [
      'a configuration that is missing',
      pod('shop-1', waiting('CreateContainerConfigError', 'secret "key" not found')),
      [
        [
          container,
          'CreateContainerConfigError',
          'A ConfigMap or a Secret that it needs is not there, or lacks a key. secret "key" not found',
        ],
      ],
    ],
    ['a probe that may still succeed', unready('2026-11-30T11:59:30Z'), []],
    [
      'a probe that fails',
      unready('2026-11-30T11:59:00Z'),
      [[container, 'Not ready', 'It runs, and its readiness probe fails.']],
    ],
    [
      'no node for it',
      pod('shop-1', undefined, {
        status: {
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' },
          ],
        },
      }),
      [['Pod shop-1', 'Unschedulable', 'No node can run it. 0/3 nodes are available']],
    ],
    [
      'an eviction',
      pod('shop-1', undefined, {
        status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory' },
      }),
      [['Pod shop-1', 'Evicted', 'The node was low on memory']],
    ],
  ])('%s', (_, broken, expected) => {
    expect(troubles({ pods: [broken] })).toEqual(expected);
  });

  it('leads to the log before the restart of a container that crashes', () => {
    const crashing = pod('shop-1', waiting('CrashLoopBackOff', 'back-off'));
    const [found] = troublesIn(clusterWith({ pods: [crashing] }), now);
    expect(found?.log).toEqual({ pod: crashing, container: 'main', previous: true });
  });

  it('is one for all pods of a workload', () => {
    const pods = ['shop-1', 'shop-2', 'shop-3'].map((name) =>
      pod(name, waiting('ImagePullBackOff', `for ${name}`), { metadata: ownedBy('set', name) }),
    );
    const found = troublesIn(clusterWith({ pods }), now);
    expect(found.map(({ about, others }) => [about, others])).toEqual([['Pod shop-1, container main', 2]]);
  });
});

describe('the troubles of a workload', () => {
  const metadata = { name: 'shop', namespace: 'shop', uid: 'shop' };
  it.each([
    [
      'a deployment that is not available',
      {
        deployments: [
          {
            metadata,
            status: {
              conditions: [
                { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Too few.' },
                { type: 'Progressing', status: 'True', message: 'It goes on.' },
              ],
            },
          },
        ],
      },
      ['Deployment shop', 'MinimumReplicasUnavailable', 'Too few.'],
    ],
    [
      'a deployment whose pods are refused',
      {
        deployments: [
          {
            metadata,
            status: {
              conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }],
            },
          },
        ],
      },
      ['Deployment shop', 'FailedCreate', 'quota'],
    ],
    [
      'a rollout that is degraded',
      { customresources: [{ kind: 'Rollout', metadata, status: { phase: 'Degraded', message: 'It was aborted.' } }] },
      ['Rollout shop', 'Degraded', 'It was aborted.'],
    ],
    [
      'an autoscaler at its limit',
      { horizontalpodautoscalers: [{ metadata, spec: { maxReplicas: 5 }, status: { currentReplicas: 5 } }] },
      [
        'Autoscaler shop',
        'At its limit',
        'It has 5 replicas, the most that it may have: under more load, nothing is added.',
      ],
    ],
  ])('%s', (_, objects, expected) => {
    expect(troubles(objects)).toEqual([expected]);
  });
});
