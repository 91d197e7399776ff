import type { ClusterObjects } from '@/api/types';

/** The parts of Kubernetes' objects that the card reads. */
export interface KubernetesObject {
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string; controller?: boolean }[];
  };
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface Workload extends KubernetesObject {
  spec?: { replicas?: number };
  status?: {
    readyReplicas?: number;
    /** Of daemon sets. */
    desiredNumberScheduled?: number;
    numberReady?: number;
    /** Of rollouts. */
    phase?: string;
    message?: string;
    conditions?: Condition[];
  };
}

export interface Terminated {
  reason?: string;
  message?: string;
  exitCode: number;
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state?: {
    waiting?: { reason?: string; message?: string };
    running?: { startedAt?: string };
    terminated?: Terminated;
  };
  lastState?: { terminated?: Terminated };
}

export interface Container {
  name: string;
  readinessProbe?: { initialDelaySeconds?: number; periodSeconds?: number; failureThreshold?: number };
}

export interface Pod extends KubernetesObject {
  spec?: { containers?: Container[]; initContainers?: Container[] };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    startTime?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Autoscaler extends KubernetesObject {
  spec?: { minReplicas?: number; maxReplicas?: number; scaleTargetRef?: { kind: string; name: string } };
  status?: { currentReplicas?: number; desiredReplicas?: number };
}

/** The objects of a cluster that have one of Backstage's types: pods, deployments, …, customresources. */
export function objectsOf<Kind extends KubernetesObject>(cluster: ClusterObjects, type: string): Kind[] {
  // The server passes them on as the cluster has them.
  return cluster.resources
    .filter((kind) => kind.type === type)
    .flatMap(({ resources }) => resources as unknown as Kind[]);
}

/** The containers of a pod that have begun or wait to begin, those that prepare it first. */
export function containersOf({ status }: Pod): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}
