import { usePrefetchQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { isLive, runQuery, taskQuery } from '@/api/queries';
import { serverNow } from '@/api/server-clock';
import type { RunDetail, RunStep } from '@/api/types';
import { Effects, made } from '@/run/effects';
import { runName } from '@/run/name';
import { useRunLog } from '@/run/use-run-log';
import { classNames } from '@/ui/class-names';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { Commands } from './commands';
import { asksForDecision, Decision } from './decision';
import { Outcome } from './outcome';
import { RunHeader } from './run-header';
import { stepInFocus, wholeRun } from './selection';
import { RunPanel, StepPanel } from './step-panel';
import { Timeline } from './timeline';
import { Warnings } from './warnings';

const route = getRouteApi('/runs/$id');

export function RunPage() {
  const { id } = route.useParams();
  const { data: run, error, refetch } = useQuery(runQuery(id));
  // They are requested with the run, because its values decide the order of the commands.
  usePrefetchQuery(taskQuery(id));
  if (run) return <Run key={id} run={run} />;
  if (error instanceof ApiError && error.status === 404) return <Missing id={id} />;
  if (error) return <ErrorPanel error={error} doing="show this run" onRetry={() => refetch()} />;
  return <Skeleton lines={8} />;
}

/**
 * The header, and below it the timeline beside the selected step. New content appears on the right or at the
 * end, so that the timeline stays in place.
 */
function Run({ run }: { run: RunDetail }) {
  const { step: chosen } = route.useSearch();
  const { log, connection, error } = useRunLog(run.id, isLive(run.phase) ? undefined : run.finishedAt);
  const { data: task } = useQuery(taskQuery(run.id));
  const selected = chosen ?? stepInFocus(run);
  const step = run.steps.find((candidate) => candidate.id === selected);
  // With a selected step, the page shows the step; the result of the run is one row away.
  const focused = selected === wholeRun || selected === stepInFocus(run);
  useWakeUp(run);

  const name = runName(run);
  useEffect(() => {
    document.title = `${name} · Runs`;
  }, [name]);

  return (
    <article className="flex flex-col gap-5 panes:h-[calc(100dvh-88px)]">
      <RunHeader run={run} task={task} withMoves={!(focused && asksForDecision(run))} />
      <div className="grid min-h-0 grow grid-cols-1 gap-x-10 gap-y-5 lg:grid-cols-[minmax(320px,2fr)_minmax(0,5fr)] lg:grid-rows-[auto_minmax(0,1fr)]">
        <div
          className={classNames(
            'relative min-w-0 space-y-5 empty:hidden lg:col-start-2 panes:max-h-[45dvh] panes:overflow-y-auto',
            !focused && 'lg:hidden',
          )}
        >
          <Decision run={run} task={task} />
          <Outcome output={run.output} />
        </div>
        <div className="flex min-h-0 min-w-0 flex-col gap-5 lg:col-start-1 lg:row-span-2 lg:row-start-1">
          <Timeline run={run} selected={selected} />
          <Warnings run={run} log={log} />
          <Created run={run} />
          <Commands commands={run.commands} />
        </div>
        <div
          id="step"
          className="relative flex min-h-0 min-w-0 scroll-mt-14 flex-col gap-3 panes:overflow-y-auto lg:col-start-2"
        >
          {error && <ErrorPanel error={error} doing="read the log" />}
          {step ? (
            <StepPanel
              key={step.id}
              run={run}
              step={step}
              written={task?.spec.steps.find((candidate) => candidate.id === step.id)}
              log={log}
              connection={connection}
            />
          ) : (
            <RunPanel run={run} parameters={task?.spec.parameters} log={log} connection={connection} />
          )}
        </div>
      </div>
    </article>
  );
}

/** Requests the run again when a wait has ended, because no event reports the next iteration of a step. */
function useWakeUp({ id, steps }: RunDetail) {
  const queries = useQueryClient();
  const until = steps.findLast(isWaiting)?.waitingUntil;
  useEffect(() => {
    const left = until ? new Date(until).getTime() - serverNow() : -1;
    if (left < 0) return;
    const timer = setTimeout(() => queries.invalidateQueries({ queryKey: runQuery(id).queryKey }), left + settle);
    return () => clearTimeout(timer);
  }, [id, until, queries]);
}

/** The time, in milliseconds, that the server has to record the end of a wait. */
const settle = 250;

function isWaiting(step: RunStep): boolean {
  return step.status === 'processing' && step.waitingUntil !== undefined;
}

function Created({ run }: { run: RunDetail }) {
  const effects = made(run.effects);
  if (effects.length === 0) return null;
  const left = effects.filter((effect) => effect.state === 'created').length;
  return (
    <section aria-labelledby="created" className="flex shrink-0 flex-col panes:max-h-2/5">
      <h2 id="created" className="flex items-baseline justify-between border-b pb-1.5">
        Created by this run
        {run.phase === 'rollingBack' && (
          <span role="status" className="text-small font-normal text-waiting">
            {left} left to undo
          </span>
        )}
      </h2>
      <div className="relative min-h-0 overflow-y-auto">
        <Effects effects={effects} />
      </div>
    </section>
  );
}

function Missing({ id }: { id: string }) {
  return (
    <div className="space-y-2">
      <h1 className="text-title">There is no such run</h1>
      <p className="max-w-[70ch] text-muted">
        No run has the id <code className="font-mono text-small wrap-anywhere">{id}</code>, or you may not see it. Look
        for it among{' '}
        <Link to="/runs" className="text-accent underline">
          all runs
        </Link>
        .
      </p>
    </div>
  );
}
