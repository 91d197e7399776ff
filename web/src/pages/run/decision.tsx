import type { ReactNode } from 'react';
import type { RunDetail, Task } from '@/api/types';
import { runLook } from '@/run/status';
import { StateIcon } from '@/ui/state';
import { RelativeTime } from '@/ui/time';
import { Moves } from './moves';

/** Whether a run is parked and waits for a decision. */
export function asksForDecision({ phase, moves }: Pick<RunDetail, 'phase' | 'moves'>): boolean {
  return moves.length > 0 && (phase === 'parked' || phase === 'cancelled' || phase === 'rolledBack');
}

/** The panel of a parked run: what happened, why, and what each command will do. */
export function Decision({ run, task }: { run: RunDetail; task: Task | undefined }) {
  if (!asksForDecision(run)) return null;
  return (
    <section aria-labelledby="decision" className="flex gap-3 rounded-md border bg-rail p-4">
      <span className="mt-0.5">
        <StateIcon look={runLook(run)} />
      </span>
      <div className="min-w-0 grow space-y-4">
        <div className="space-y-1">
          <WhatHappened run={run} />
        </div>
        <Moves run={run} task={task} explained />
      </div>
    </section>
  );
}

function WhatHappened({ run }: { run: RunDetail }) {
  const stopped = run.steps.find((step) => step.id === (run.error?.stepId ?? run.failedStep));
  const attempts = stopped?.attempts ?? 1;
  if (run.phase === 'cancelled') {
    return (
      <>
        <Title at={run.finishedAt}>Cancelled</Title>
        {stopped && <p>“{stopped.name}” did not finish.</p>}
      </>
    );
  }
  return (
    <>
      <Title at={stopped?.endedAt ?? run.finishedAt} aside={attempts > 1 && `, after ${attempts} attempts`}>
        {run.phase === 'rolledBack' && 'Rolled back'}
        {run.phase === 'parked' && (stopped ? `“${stopped.name}” failed` : 'The run failed')}
      </Title>
      {run.error && <p className="max-w-[90ch] wrap-anywhere whitespace-pre-wrap">{run.error.message}</p>}
      {run.error?.next && <p className="max-w-[90ch] wrap-anywhere text-muted">{run.error.next}</p>}
    </>
  );
}

function Title({ at, aside, children }: { at: string | undefined; aside?: ReactNode; children: ReactNode }) {
  return (
    <h2 id="decision" className="wrap-anywhere">
      {children}
      {at && (
        <span className="font-normal text-muted">
          {' '}
          <RelativeTime at={at} />
          {aside}
        </span>
      )}
    </h2>
  );
}
