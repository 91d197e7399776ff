import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect } from 'react';
import { isLive, runQuery, taskQuery } from '@/api/queries';
import type { RunDetail } from '@/api/types';
import { Effects } from '@/run/effects';
import { runName } from '@/run/name';
import { useRunLog } from '@/run/use-run-log';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { Decision } from './decision';
import { Outcome } from './outcome';
import { RunHeader } from './run-header';
import { stepInFocus } from './selection';
import { RunPanel, StepPanel } from './step-panel';
import { Timeline } from './timeline';

const route = getRouteApi('/runs/$id');

export function RunPage() {
  const { id } = route.useParams();
  const { data: run, error, refetch } = useQuery(runQuery(id));
  if (run) return <Run key={id} run={run} />;
  if (error) return <ErrorPanel error={error} doing="show this run" onRetry={() => refetch()} />;
  return <Skeleton lines={8} />;
}

function Run({ run }: { run: RunDetail }) {
  const { step: chosen } = route.useSearch();
  const { log, connection, error } = useRunLog(run.id, isLive(run.phase) ? undefined : run.finishedAt);
  const { data: task } = useQuery(taskQuery(run.id));
  const selected = chosen ?? stepInFocus(run);
  const step = run.steps.find((candidate) => candidate.id === selected);

  const name = runName(run);
  useEffect(() => {
    document.title = `${name} · Runs`;
  }, [name]);

  return (
    <article className="space-y-5">
      <RunHeader run={run} task={task} />
      <Decision run={run} />
      <Outcome output={run.output} />
      <div className="grid grid-cols-1 gap-x-8 gap-y-5 lg:grid-cols-[minmax(280px,360px)_minmax(0,1fr)]">
        <div className="min-w-0 space-y-5">
          <Timeline run={run} selected={selected} />
          <Created run={run} />
        </div>
        <div id="step" className="min-w-0 scroll-mt-14">
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

function Created({ run }: { run: RunDetail }) {
  if (run.effects.length === 0) return null;
  const left = run.effects.filter((effect) => effect.state === 'created').length;
  return (
    <section aria-labelledby="created">
      <h2 id="created" className="flex items-baseline justify-between border-b pb-1.5">
        Created by this run
        {run.phase === 'rollingBack' && (
          <span role="status" className="text-small font-normal text-waiting">
            {left} left to undo
          </span>
        )}
      </h2>
      <Effects effects={run.effects} />
    </section>
  );
}
