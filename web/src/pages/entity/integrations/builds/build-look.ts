import { Ban, CircleCheck, CircleDashed, CircleSlash, CircleX, Hourglass, LoaderCircle } from 'lucide-react';
import type { BuildStatus } from '@/api/types';
import type { Look } from '@/ui/state';

/** The states of builds and of their jobs. */
export const buildLooks: Record<BuildStatus, Look> = {
  queued: { icon: CircleDashed, word: 'Queued', colour: 'text-muted' },
  running: { icon: LoaderCircle, word: 'Running', colour: 'text-accent', turning: true },
  waiting: { icon: Hourglass, word: 'Waiting', colour: 'text-waiting' },
  succeeded: { icon: CircleCheck, word: 'Succeeded', colour: 'text-done' },
  failed: { icon: CircleX, word: 'Failed', colour: 'text-failed' },
  cancelled: { icon: Ban, word: 'Cancelled', colour: 'text-muted' },
  skipped: { icon: CircleSlash, word: 'Skipped', colour: 'text-muted' },
  unknown: { icon: CircleDashed, word: 'Unknown', colour: 'text-muted' },
};
