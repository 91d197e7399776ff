import type { RunDetail, Task } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { parseRef } from '@/entity/ref';
import { beganAt } from '@/run/began';
import { runName } from '@/run/name';
import { runLook } from '@/run/status';
import { CopyButton } from '@/ui/copy-button';
import { ExternalLink } from '@/ui/external-link';
import { State } from '@/ui/state';
import { Duration, RelativeTime } from '@/ui/time';
import { Moves, runHeadingId } from './moves';

interface RunHeaderProps {
  run: RunDetail;
  task: Task | undefined;
  /** Whether the commands are shown here, because they are not elsewhere on the page. */
  withMoves: boolean;
}

/** The title, subject, state and duration of the run in one line, and a second line with details. */
export function RunHeader({ run, task, withMoves }: RunHeaderProps) {
  const temporal = run.workflow?.url;
  const { name } = parseRef(run.templateRef, 'template');
  return (
    <header className="flex flex-wrap items-start gap-x-6 gap-y-3">
      <div className="min-w-0 grow basis-96">
        <h1
          id={runHeadingId}
          tabIndex={-1}
          className="flex flex-wrap items-center gap-x-3 gap-y-1 text-title outline-none"
        >
          <span className="wrap-anywhere">{runName(run)}</span>
          <span role="status" className="flex text-base font-medium">
            <State look={runLook(run)} />
          </span>
          <span className="text-base font-normal text-muted">
            <Duration from={run.timedFrom} to={run.finishedAt} />
          </span>
        </h1>
        <p className="mt-1 flex flex-wrap items-center gap-x-4 text-muted">
          <span className="inline-flex min-w-0 flex-wrap items-center gap-x-1.5">
            <EntityLink entityRef={run.templateRef} defaultKind="template" title={run.subject ? run.title : name} />
            {run.createdBy && (
              <>
                for <EntityLink entityRef={run.createdBy} />
              </>
            )}
          </span>
          <span>
            started <RelativeTime at={beganAt(run)} />
          </span>
          <span className="inline-flex items-center">
            <code className="font-mono text-small" title={run.id}>
              {run.id.slice(0, 8)}
            </code>
            <CopyButton text={() => run.id} label="Copy the run's id" />
          </span>
          {temporal && <ExternalLink href={temporal}>Temporal</ExternalLink>}
        </p>
      </div>
      {withMoves && <Moves run={run} task={task} />}
    </header>
  );
}
