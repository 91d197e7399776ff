import { Ban, CircleCheck, CircleSlash, CircleX, Clock, Hourglass, LoaderCircle } from 'lucide-react';
import type { Sweep } from '@/api/types';
import type { Look } from '@/ui/state';

const looks: Record<Sweep['state'], Look> = {
  requested: { icon: Clock, word: 'Asked for', colour: 'text-muted' },
  reading: { icon: LoaderCircle, word: 'Reading', colour: 'text-accent', turning: true },
  complete: { icon: LoaderCircle, word: 'Comparing', colour: 'text-accent', turning: true },
  waiting: { icon: Hourglass, word: 'Waits for a decision', colour: 'text-waiting' },
  approved: { icon: LoaderCircle, word: 'Approved', colour: 'text-accent', turning: true },
  committed: { icon: CircleCheck, word: 'Done', colour: 'text-done' },
  failed: { icon: CircleX, word: 'Failed', colour: 'text-failed' },
  dropped: { icon: CircleSlash, word: 'Dropped', colour: 'text-muted' },
  cancelled: { icon: Ban, word: 'Cancelled', colour: 'text-muted' },
};

/** How the state of a sweep is shown. */
export const sweepLook = ({ state }: Pick<Sweep, 'state'>): Look => looks[state];
