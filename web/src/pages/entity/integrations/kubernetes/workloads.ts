import type { ClusterObjects } from '@/api/types';
import { groupBy } from '@/ui/group-by';
import { type Autoscaler, type KubernetesObject, objectsOf, type Pod, type Workload } from './objects';

/** A workload of a cluster with its pods. */
export interface Running {
  key: string;
  /** Undefined for the pods that belong to no workload of the entity. */
  workload?: { kind: string; name: string; ready: number; wanted: number };
  autoscaler?: { least: number; most: number; current: number; wanted: number };
  pods: Pod[];
}

/** The types of workloads, and the name of a kind whose objects are listed under another's type. */
const workloadTypes = [
  { type: 'deployments', kind: 'Deployment' },
  { type: 'statefulsets', kind: 'StatefulSet' },
  { type: 'daemonsets', kind: 'DaemonSet' },
  { type: 'customresources', kind: 'Rollout' },
];

export function workloadsOf(cluster: ClusterObjects): Workload[] {
  return workloadTypes.flatMap(({ type, kind }) =>
    objectsOf<Workload>(cluster, type)
      .filter((object) => type !== 'customresources' || object.kind === kind)
      .map((object) => ({ ...object, kind })),
  );
}

/** What runs in a cluster, each pod under its workload. */
export function runningIn(cluster: ClusterObjects): Running[] {
  const ownerOf = owners(cluster);
  const pods = groupBy(objectsOf<Pod>(cluster, 'pods'), ownerOf);
  const autoscalers = objectsOf<Autoscaler>(cluster, 'horizontalpodautoscalers');
  const running = workloadsOf(cluster).map((workload): Running => {
    const own = pods.get(workload.metadata.uid) ?? [];
    pods.delete(workload.metadata.uid);
    const scaled = autoscalers.find((autoscaler) => scales(autoscaler, workload));
    return {
      key: `${workload.kind} ${workload.metadata.namespace}/${workload.metadata.name}`,
      workload: { kind: workload.kind ?? '', name: workload.metadata.name, ...readiness(workload) },
      ...(scaled && { autoscaler: bounds(scaled) }),
      pods: own,
    };
  });
  const others = [...pods.values()].flat();
  return others.length > 0 ? [...running, { key: 'pods', pods: others }] : running;
}

/** Finds the workload of a pod by its uid: the pod's owner, or the owner of the pod's replica set. */
function owners(cluster: ClusterObjects): (pod: Pod) => string | undefined {
  const above = new Map(objectsOf(cluster, 'replicasets').map((set) => [set.metadata.uid, ownerUid(set)]));
  return (pod) => {
    const owner = ownerUid(pod);
    return above.get(owner) ?? owner;
  };
}

function ownerUid({ metadata: { ownerReferences = [] } }: KubernetesObject): string | undefined {
  return ownerReferences.find(({ controller }) => controller)?.uid;
}

function readiness({ spec, status = {} }: Workload): { ready: number; wanted: number } {
  if (status.desiredNumberScheduled !== undefined) {
    return { ready: status.numberReady ?? 0, wanted: status.desiredNumberScheduled };
  }
  return { ready: status.readyReplicas ?? 0, wanted: spec?.replicas ?? 1 };
}

function scales({ metadata, spec }: Autoscaler, workload: Workload): boolean {
  const target = spec?.scaleTargetRef;
  return (
    target?.kind === workload.kind &&
    target?.name === workload.metadata.name &&
    metadata.namespace === workload.metadata.namespace
  );
}

function bounds({ spec = {}, status = {} }: Autoscaler) {
  const current = status.currentReplicas ?? 0;
  return {
    least: spec.minReplicas ?? 1,
    most: spec.maxReplicas ?? 1,
    current,
    wanted: status.desiredReplicas ?? current,
  };
}
