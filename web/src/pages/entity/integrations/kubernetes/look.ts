import { CircleCheck, CircleX, Hourglass, Trash2 } from 'lucide-react';
import type { Look } from '@/ui/state';
import { containersOf, type Pod } from './objects';

/** Reasons to wait that every pod has while it begins. */
export const usualReasons: readonly string[] = ['ContainerCreating', 'PodInitializing'];

/** The state of a pod in the words of kubectl. */
export function podLook(pod: Pod): Look {
  const phase = pod.status?.phase ?? 'Unknown';
  if (pod.metadata.deletionTimestamp) return { icon: Trash2, word: 'Terminating', colour: 'text-muted' };
  if (phase === 'Succeeded') return { icon: CircleCheck, word: 'Completed', colour: 'text-muted' };
  if (phase === 'Failed') return { icon: CircleX, word: pod.status?.reason ?? 'Failed', colour: 'text-failed' };
  const waiting = containersOf(pod).find(({ state }) => state?.waiting)?.state?.waiting?.reason;
  if (waiting && !usualReasons.includes(waiting)) return { icon: CircleX, word: waiting, colour: 'text-failed' };
  if (phase !== 'Running') return { icon: Hourglass, word: waiting ?? phase, colour: 'text-waiting' };
  return isReady(pod)
    ? { icon: CircleCheck, word: 'Running', colour: 'text-done' }
    : { icon: Hourglass, word: 'Not ready', colour: 'text-waiting' };
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

export function restartsOf(pod: Pod): number {
  return containersOf(pod).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** How far a workload is. */
export function workloadLook({ ready, wanted }: { ready: number; wanted: number }): Look {
  const word = `${ready} of ${wanted} ready`;
  return ready < wanted
    ? { icon: Hourglass, word, colour: 'text-waiting' }
    : { icon: CircleCheck, word, colour: 'text-done' };
}
