import type { ClusterObjects } from '@/api/types';
import { plural } from '@/ui/format';
import { groupBy } from '@/ui/group-by';
import { usualReasons } from './look';
import {
  type Autoscaler,
  type Condition,
  type Container,
  type ContainerStatus,
  containersOf,
  objectsOf,
  type Pod,
  type Terminated,
  type Workload,
} from './objects';
import { workloadsOf } from './workloads';

/** Something that is wrong with what runs. */
export interface Trouble {
  /** The object: Pod shop-1. */
  about: string;
  /** Kubernetes' word for it: CrashLoopBackOff. */
  reason: string;
  message: string;
  /** Whose log may say more. */
  log?: { pod: Pod; container: string; previous: boolean };
  /** How many other pods have the same. */
  others: number;
}

/**
 * What is wrong in a cluster, as Backstage's Kubernetes plugin finds it: containers that wait, restart or do not get
 * ready, false conditions of deployments, autoscalers at their limit. Pods without a node, pods that have failed, pods
 * that cannot be created, and degraded rollouts are found too.
 */
export function troublesIn(cluster: ClusterObjects, now: Date): Trouble[] {
  return [
    ...workloadsOf(cluster).flatMap(ofWorkload),
    ...objectsOf<Autoscaler>(cluster, 'horizontalpodautoscalers').flatMap(ofAutoscaler),
    ...joined(objectsOf<Pod>(cluster, 'pods').flatMap((pod) => ofPod(pod, now))),
  ];
}

/** Pods of one workload have the same troubles: each is shown once. */
function joined(found: readonly Trouble[]): Trouble[] {
  const groups = groupBy(found, ({ log, reason, message }) => {
    const owner = log?.pod.metadata.ownerReferences?.[0]?.uid;
    return `${reason} ${owner ? `${log.container} ${owner}` : message}`;
  });
  return [...groups.values()].flatMap(([first, ...rest]) => (first ? [{ ...first, others: rest.length }] : []));
}

function ofWorkload({ kind, metadata, status }: Workload): Trouble[] {
  const about = `${kind} ${metadata.name}`;
  if (kind === 'Rollout') {
    if (status?.phase !== 'Degraded') return [];
    return [{ about, reason: 'Degraded', message: status.message ?? 'The rollout has failed.', others: 0 }];
  }
  if (kind !== 'Deployment') return [];
  return (status?.conditions ?? []).filter(isBad).map(({ type, reason, message = '' }) => ({
    about,
    reason: reason ?? type,
    message,
    others: 0,
  }));
}

/** A condition says by its type whether it is good that it is true. */
function isBad({ type, status, message }: Condition): boolean {
  return message !== undefined && status === (type === 'ReplicaFailure' ? 'True' : 'False');
}

function ofAutoscaler({ metadata, spec, status }: Autoscaler): Trouble[] {
  if (spec?.maxReplicas === undefined || spec.maxReplicas !== status?.currentReplicas) return [];
  const message = `It has ${plural(spec.maxReplicas, 'replica')}, the most that it may have: under more load, nothing is added.`;
  return [{ about: `Autoscaler ${metadata.name}`, reason: 'At its limit', message, others: 0 }];
}

function ofPod(pod: Pod, now: Date): Trouble[] {
  const about = `Pod ${pod.metadata.name}`;
  const containers = containersOf(pod).flatMap((status) => {
    const spec = pod.spec?.containers?.find(({ name }) => name === status.name);
    return [waits(status), isLate(status, spec, now), restarts(status)]
      .filter((found) => found !== undefined)
      .map(({ reason, message, previous = false }) => ({
        about: `${about}, container ${status.name}`,
        reason,
        message,
        others: 0,
        log: { pod, container: status.name, previous },
      }));
  });
  return [...whole(pod).map((found) => ({ about, others: 0, ...found })), ...containers];
}

interface Finding {
  reason: string;
  message: string;
  previous?: boolean;
}

/** What is wrong with a pod, whatever its containers do. */
function whole({ status = {} }: Pod): Finding[] {
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  const found: Finding[] = [];
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    found.push({ reason: 'Unschedulable', message: `No node can run it. ${scheduled.message ?? ''}`.trim() });
  }
  if (status.phase === 'Failed') {
    found.push({
      reason: status.reason ?? 'Failed',
      message: status.message ?? 'Its containers have ended with an error.',
    });
  }
  return found;
}

const explanations: Record<string, string> = {
  InvalidImageName: 'The name of the image is not valid.',
  ErrImagePull: 'The image does not exist, or the cluster may not pull it.',
  ImagePullBackOff: 'The image does not exist, or the cluster may not pull it.',
  CrashLoopBackOff: 'It ends soon after each start, and is started again at growing intervals.',
  CreateContainerConfigError: 'A ConfigMap or a Secret that it needs is not there, or lacks a key.',
};

function waits({ state }: ContainerStatus): Finding | undefined {
  const { reason, message } = state?.waiting ?? {};
  if ((!message && !explanations[reason ?? '']) || usualReasons.includes(reason ?? '')) return undefined;
  const words = [explanations[reason ?? ''], message].filter(Boolean).join(' ');
  return { reason: reason ?? 'Waiting', message: words, previous: reason === 'CrashLoopBackOff' };
}

/** The readiness probe of a running container has had the time that it needs, and fails. */
function isLate({ ready, state }: ContainerStatus, spec: Container | undefined, now: Date): Finding | undefined {
  const probe = spec?.readinessProbe;
  const began = state?.running?.startedAt;
  if (ready || !began || !probe) return undefined;
  const patience = (probe.initialDelaySeconds ?? 0) + (probe.periodSeconds ?? 0) * (probe.failureThreshold ?? 0);
  if (new Date(began).getTime() + patience * 1000 >= now.getTime()) return undefined;
  return { reason: 'Not ready', message: 'It runs, and its readiness probe fails.' };
}

function restarts({ restartCount, lastState }: ContainerStatus): Finding | undefined {
  if (restartCount === 0) return undefined;
  const last = lastState?.terminated;
  const words = `It was restarted ${plural(restartCount, 'time')}.`;
  if (!last) return { reason: 'Restarted', message: words };
  return { reason: last.reason ?? 'Restarted', message: `${words} ${ending(last)}`, previous: true };
}

function ending({ reason, exitCode, message }: Terminated): string {
  const why = reason === 'OOMKilled' ? 'it used more memory than its limit allows' : `its exit code was ${exitCode}`;
  return `The last time, ${why}.${message ? ` ${message}` : ''}`;
}
