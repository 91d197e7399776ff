import {
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleQuestionMark,
  CircleX,
  HeartCrack,
  LoaderCircle,
  type LucideIcon,
  RefreshCw,
  Trash2,
} from 'lucide-react';
import type { ArgoCDApplication } from '@/api/types';
import type { Look } from '@/ui/state';

const look = (icon: LucideIcon, colour: string, word: string): Look => ({ icon, colour, word });

/** Whether what is deployed is what the repository says. */
export function syncLook({ sync }: Pick<ArgoCDApplication, 'sync'>): Look {
  if (sync === 'Synced') return look(CircleCheck, 'text-done', 'Synced');
  if (sync === 'OutOfSync') return look(RefreshCw, 'text-waiting', 'Out of sync');
  return look(CircleQuestionMark, 'text-muted', 'Sync unknown');
}

const healths: Record<string, Look> = {
  Healthy: look(CircleCheck, 'text-done', 'Healthy'),
  Progressing: { ...look(LoaderCircle, 'text-accent', 'Progressing'), turning: true },
  Degraded: look(HeartCrack, 'text-failed', 'Degraded'),
  Suspended: look(CirclePause, 'text-muted', 'Suspended'),
  Missing: look(CircleDashed, 'text-waiting', 'Missing'),
};

/** Whether what is deployed works. */
export function healthLook({ health, deleting }: Pick<ArgoCDApplication, 'health' | 'deleting'>): Look {
  if (deleting) return look(Trash2, 'text-muted', 'Being deleted');
  return healths[health] ?? look(CircleQuestionMark, 'text-muted', 'Health unknown');
}

const phases: Record<string, Look> = {
  Succeeded: look(CircleCheck, 'text-done', 'succeeded'),
  Failed: look(CircleX, 'text-failed', 'failed'),
  Error: look(CircleX, 'text-failed', 'failed'),
};

/** How the latest synchronization went, or that it goes on. */
export function phaseLook(phase: string): Look {
  return phases[phase] ?? { ...look(LoaderCircle, 'text-accent', 'is running'), turning: true };
}
