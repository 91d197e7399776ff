import { Ban, CircleCheck, CircleDashed, CircleSlash, CircleX, Hourglass, LoaderCircle, Undo2 } from 'lucide-react';
import type { EffectState, RunPhase, RunStatus, RunStep } from '@/api/types';
import type { Look } from '@/ui/state';

const running: Look = { icon: LoaderCircle, word: 'Running', colour: 'text-accent', turning: true };
const waiting: Look = { icon: Hourglass, word: 'Waiting', colour: 'text-waiting' };
const completed: Look = { icon: CircleCheck, word: 'Completed', colour: 'text-done' };
const failed: Look = { icon: CircleX, word: 'Failed', colour: 'text-failed' };
const cancelled: Look = { icon: Ban, word: 'Cancelled', colour: 'text-muted' };
const cancelling: Look = { ...cancelled, word: 'Cancelling', colour: 'text-waiting' };
const rollingBack: Look = { icon: Undo2, word: 'Rolling back', colour: 'text-waiting' };
const rolledBack: Look = { icon: Undo2, word: 'Rolled back', colour: 'text-muted' };
const skipped: Look = { icon: CircleSlash, word: 'Skipped', colour: 'text-muted' };
const notStarted: Look = { icon: CircleDashed, word: 'Not started', colour: 'text-muted' };

const phaseLooks: Record<Exclude<RunPhase, 'done'>, Look> = {
  running,
  waiting,
  parked: failed,
  rollingBack,
  rolledBack,
  cancelled,
};

const statusLooks: Record<RunStatus, Look> = {
  open: { ...notStarted, word: 'Starting' },
  processing: running,
  completed,
  failed,
  cancelled,
  skipped,
};

export function runLook(run: { phase: RunPhase; status: RunStatus; cancelling?: boolean }): Look {
  if (run.cancelling) return cancelling;
  return run.phase === 'done' ? statusLooks[run.status] : phaseLooks[run.phase];
}

export function stepLook(step: Pick<RunStep, 'status' | 'waitingUntil'>): Look {
  if (step.status === 'processing') return step.waitingUntil ? waiting : running;
  return step.status === 'open' ? notStarted : statusLooks[step.status];
}

export const effectLooks: Record<EffectState, Look> = {
  intended: { ...notStarted, word: 'Intended' },
  created: { ...completed, word: 'Created' },
  undone: { ...rolledBack, word: 'Undone' },
  kept: { ...waiting, icon: CircleCheck, word: 'Kept' },
};
