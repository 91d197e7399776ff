import { expect, it } from 'vitest';
import { clusterWith, ownedBy, pod } from './fixtures';
import { runningIn } from './workloads';

const metadata = (name: string) => ({ name, namespace: 'shop', uid: name });

it('puts each pod under its workload', () => {
  const running = runningIn(
    clusterWith({
      deployments: [{ metadata: metadata('web'), spec: { replicas: 3 }, status: { readyReplicas: 2 } }],
      replicasets: [{ metadata: ownedBy('web', 'web-7f') }, { metadata: ownedBy('rollout', 'rollout-1') }],
      statefulsets: [{ metadata: metadata('store') }],
      daemonsets: [{ metadata: metadata('agent'), status: { desiredNumberScheduled: 4, numberReady: 4 } }],
      customresources: [
        { kind: 'Rollout', metadata: metadata('rollout'), spec: { replicas: 2 }, status: { readyReplicas: 2 } },
        { kind: 'Certificate', metadata: metadata('certificate') },
      ],
      horizontalpodautoscalers: [
        {
          metadata: metadata('web'),
          spec: { minReplicas: 2, maxReplicas: 5, scaleTargetRef: { kind: 'Deployment', name: 'web' } },
          status: { currentReplicas: 3, desiredReplicas: 4 },
        },
      ],
      pods: [
        pod('web-7f-1', {}, { metadata: ownedBy('web-7f', 'web-7f-1') }),
        pod('store-0', {}, { metadata: ownedBy('store', 'store-0') }),
        pod('rollout-1-x', {}, { metadata: ownedBy('rollout-1', 'rollout-1-x') }),
        pod('import-x', {}, { metadata: ownedBy('import', 'import-x') }),
        pod('alone'),
      ],
    }),
  );
  expect(
    running.map(({ workload, autoscaler, pods }) => [workload, autoscaler, pods.map((one) => one.metadata.name)]),
  ).toEqual([
    [
      { kind: 'Deployment', name: 'web', ready: 2, wanted: 3 },
      { least: 2, most: 5, current: 3, wanted: 4 },
      ['web-7f-1'],
    ],
    [{ kind: 'StatefulSet', name: 'store', ready: 0, wanted: 1 }, undefined, ['store-0']],
    [{ kind: 'DaemonSet', name: 'agent', ready: 4, wanted: 4 }, undefined, []],
    [{ kind: 'Rollout', name: 'rollout', ready: 2, wanted: 2 }, undefined, ['rollout-1-x']],
    [undefined, undefined, ['import-x', 'alone']],
  ]);
});

it('shows nothing where nothing runs', () => {
  expect(runningIn(clusterWith({ services: [{ metadata: metadata('web') }] }))).toEqual([]);
});
