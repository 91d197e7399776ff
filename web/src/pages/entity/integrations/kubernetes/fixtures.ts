import type { ClusterObjects } from '@/api/types';
import type { ContainerStatus, Pod } from './objects';

/** A cluster with objects of some types. */
export function clusterWith(objects: Record<string, object[]>, more: Partial<ClusterObjects> = {}): ClusterObjects {
  const resources = Object.entries(objects).map(([type, resources]) => ({ type, resources: resources as never }));
  return { cluster: { name: 'dev', title: 'Development' }, resources, podMetrics: [], errors: [], ...more };
}

/** A pod with a container that is fine, but for what is said of it. */
export function pod(name: string, container: Partial<ContainerStatus> = {}, more: Partial<Pod> = {}): Pod {
  const status = { name: 'main', ready: true, restartCount: 0, state: { running: {} }, ...container };
  return {
    metadata: { name, namespace: 'shop', uid: name },
    spec: { containers: [{ name: 'main' }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [status] },
    ...more,
  };
}

/** The metadata of an object that another one owns. */
export function ownedBy(owner: string, name: string) {
  return { name, namespace: 'shop', uid: name, ownerReferences: [{ uid: owner, controller: true }] };
}
