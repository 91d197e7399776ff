import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Ban, type LucideIcon, RotateCw, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { cancelRun, retryRun, rollBackRun } from '@/api/client';
import { runQuery } from '@/api/queries';
import type { Move, MoveName, RunDetail } from '@/api/types';
import { Effects } from '@/run/effects';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { ErrorPanel } from '@/ui/states';

interface MoveLook {
  label: string;
  icon: LucideIcon;
  act: (id: string) => Promise<void>;
  /** The question asked first, for moves that cannot be taken back. */
  question?: string;
}

const looks: Record<MoveName, MoveLook> = {
  retry: { label: 'Retry', icon: RotateCw, act: retryRun },
  rollback: { label: 'Roll back', icon: Undo2, act: rollBackRun, question: 'Undo what this run created?' },
  cancel: { label: 'Cancel run', icon: Ban, act: cancelRun, question: 'Stop this run?' },
};

/**
 * What a person can do about a run now: one button a move, the most sensible one first and, when asked for, with
 * what each will do.
 */
export function Moves({ run, explained = false }: { run: RunDetail; explained?: boolean }) {
  return (
    <div className={explained ? 'space-y-2' : 'flex gap-2'}>
      {run.moves.map((move, index) => (
        <MoveButton key={move.move} run={run} move={move} explained={explained} first={explained && index === 0} />
      ))}
    </div>
  );
}

interface MoveButtonProps {
  run: RunDetail;
  move: Move;
  explained: boolean;
  first: boolean;
}

function MoveButton({ run, move, explained, first }: MoveButtonProps) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const look = looks[move.move];
  const act = useMutation({
    mutationFn: () => look.act(run.id),
    onSettled: () => queries.invalidateQueries({ queryKey: runQuery(run.id).queryKey }),
  });
  const touched = move.move === 'rollback' ? run.effects.filter((effect) => effect.state === 'created') : [];
  return (
    <div className={explained ? 'flex flex-wrap items-center gap-x-3 gap-y-1' : undefined}>
      <Button
        tone={first ? 'primary' : 'plain'}
        icon={look.icon}
        title={explained ? undefined : move.summary}
        disabled={act.isPending}
        className={explained ? 'min-w-28' : undefined}
        onClick={() => (look.question ? setAsking(true) : act.mutate())}
      >
        {look.label}
      </Button>
      {explained && <span className="min-w-0 basis-60 grow text-muted">{move.summary}</span>}
      {act.error && <ErrorPanel error={act.error} doing={look.label.toLowerCase()} />}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={look.question ?? ''}
        confirm={look.label}
        onConfirm={() => act.mutate()}
      >
        <p>{move.summary}</p>
        {touched.length > 0 && <Effects effects={touched} />}
      </Confirm>
    </div>
  );
}
