import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Ban, CopyPlus, type LucideIcon, RotateCw, Undo2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { NeededPermission } from '@/api/access';
import { runQuery } from '@/api/queries';
import { cancelRun, retryRun, rollBackRun } from '@/api/runs';
import type { Move, MoveName, RunDetail, Task } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { parseRef } from '@/entity/ref';
import { DeniedButton } from '@/policy/denied';
import { Effects } from '@/run/effects';
import { Button, buttonLook } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { ErrorPanel } from '@/ui/states';
import { needsOtherValues } from './prospects';

/** The id of the heading with the run's name and state, which stays after every command. */
export const runHeadingId = 'run';

interface MoveLook {
  label: string;
  icon: LucideIcon;
  act: (id: string, generation: number) => Promise<void>;
  /** The confirmation of commands that cannot be undone. */
  question?: string;
}

const looks: Record<MoveName, MoveLook> = {
  retry: { label: 'Retry', icon: RotateCw, act: retryRun },
  rollback: { label: 'Roll back', icon: Undo2, act: rollBackRun, question: 'Undo what this run created?' },
  cancel: { label: 'Cancel run', icon: Ban, act: cancelRun, question: 'Stop this run?' },
};

/** The permission that a command needs. */
function needsOf(move: MoveName, id: string): NeededPermission {
  return { permission: `scaffolder.task.${move}`, resource: id };
}

interface MovesProps {
  run: RunDetail;
  /** The values of the run; undefined while they are loading. */
  task: Task | undefined;
  explained?: boolean;
}

/**
 * The commands that are possible now: one button for each, the most useful first, and optionally with
 * explanations.
 */
export function Moves({ run, task, explained = false }: MovesProps) {
  const moves = run.moves.map((move, index) => (
    <MoveButton
      key={move.move}
      run={run}
      move={move}
      explained={explained}
      first={run.phase === 'parked' && index === 0 && !needsOtherValues(run)}
    />
  ));
  const again = task && <Again key="again" run={run} task={task} explained={explained} />;
  return (
    <div className={explained ? 'space-y-2' : 'flex flex-wrap gap-2'}>
      {explained && !needsOtherValues(run) ? [...moves, again] : [again, ...moves]}
    </div>
  );
}

/** A link to the form with the run's values, for runs with wrong values. */
function Again({ run, task, explained }: { run: RunDetail; task: Task; explained: boolean }) {
  const { namespace, name } = parseRef(run.templateRef, 'template');
  const link = (
    <Link
      to="/create/templates/$namespace/$name"
      params={{ namespace, name }}
      search={{ formData: JSON.stringify(task.spec.parameters) }}
      title="Opens the form with the values of this run"
      className={buttonLook(needsOtherValues(run) ? 'primary' : 'plain', 'min-w-32')}
    >
      <CopyPlus size={16} aria-hidden />
      {explained ? 'Start anew' : 'Run again'}
    </Link>
  );
  if (!explained) return link;
  return (
    <Explained summary="Opens the form with the values of this run, for a new one. This run stays as it is.">
      {link}
    </Explained>
  );
}

function Explained({ summary, children }: { summary: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
      {children}
      <span className="min-w-0 grow basis-60 text-muted">{summary}</span>
    </div>
  );
}

interface MoveButtonProps {
  run: RunDetail;
  move: Move;
  explained: boolean;
  first: boolean;
}

function MoveButton(props: MoveButtonProps) {
  const { run, move, explained } = props;
  if (!move.denied) return <AllowedMove {...props} />;
  const button = <DeniedButton needs={needsOf(move.move, run.id)}>{looks[move.move].label}</DeniedButton>;
  return explained ? <Explained summary={move.summary}>{button}</Explained> : button;
}

function AllowedMove({ run, move, explained, first }: MoveButtonProps) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const look = looks[move.move];
  const command = useCommand(() => look.act(run.id, run.generation), {
    // The button disappears with the command, so the keyboard focus moves to the heading of the run.
    onSuccess: () => document.getElementById(runHeadingId)?.focus({ preventScroll: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: runQuery(run.id).queryKey }),
  });
  const touched = move.move === 'rollback' ? run.effects.filter((effect) => effect.state === 'created') : [];
  const button = (
    <Button
      tone={first ? 'primary' : 'plain'}
      icon={look.icon}
      title={explained ? undefined : move.summary}
      busy={command.busy}
      className="min-w-32"
      onClick={() => (look.question ? setAsking(true) : command.start())}
    >
      {look.label}
    </Button>
  );
  return (
    <div>
      {explained ? <Explained summary={move.summary}>{button}</Explained> : button}
      {command.error && <ErrorPanel error={command.error} doing={look.label.toLowerCase()} />}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={look.question ?? ''}
        confirm={look.label}
        onConfirm={command.start}
      >
        <p>{move.summary}</p>
        {touched.length > 0 && <Effects effects={touched} />}
      </Confirm>
    </div>
  );
}
