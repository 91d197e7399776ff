import { useQueryClient } from '@tanstack/react-query';
import { ChevronRight, RotateCcw } from 'lucide-react';
import { useId, useState } from 'react';
import { ofEntityQuery } from '@/api/queries';
import { rerunBuild } from '@/api/systems';
import type { Build } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { useIsAllowed } from '@/policy/may';
import { Button } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { ExternalLink } from '@/ui/external-link';
import { formatDuration } from '@/ui/format';
import { State } from '@/ui/state';
import { RelativeTime } from '@/ui/time';
import { buildLooks } from './build-look';
import { Jobs } from './jobs';

interface BuildRowProps {
  build: Build;
  entityRef: string;
}

/** A build, with its jobs on demand. */
export function BuildRow({ build, entityRef }: BuildRowProps) {
  const [open, setOpen] = useState(false);
  const jobs = useId();
  const name = build.name || build.title || build.branch || build.id;
  return (
    <li className="py-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="w-28 shrink-0">
          <State look={buildLooks[build.status]} />
        </span>
        <div className="min-w-0 grow basis-48">
          <ExternalLink href={build.url}>{name}</ExternalLink>
          {build.name && build.title && build.title !== build.name && <span> {build.title}</span>}
          <Origin build={build} />
        </div>
        <Rerun build={build} name={name} entityRef={entityRef} />
        <Button
          tone="quiet"
          aria-expanded={open}
          aria-controls={jobs}
          aria-label={`Jobs of ${name}`}
          onClick={() => setOpen(!open)}
        >
          <ChevronRight size={16} aria-hidden className={classNames('transition-transform', open && 'rotate-90')} />
          Jobs
        </Button>
      </div>
      <div id={jobs}>{open && <Jobs build={build} entityRef={entityRef} />}</div>
    </li>
  );
}

/** What was built, by whom, when, and how long it took. */
function Origin({ build }: { build: Build }) {
  const { branch, commit, trigger, by, startedAt, seconds } = build;
  return (
    <p className="flex flex-wrap gap-x-3 text-small text-muted">
      {branch && <span className="wrap-anywhere">{branch}</span>}
      {commit && <code title={commit}>{commit.slice(0, 7)}</code>}
      {trigger && <span>{trigger.replaceAll('_', ' ')}</span>}
      {by && <span>by {by}</span>}
      {startedAt && <RelativeTime at={startedAt} />}
      {seconds !== undefined && <span>took {formatDuration(seconds * 1000)}</span>}
    </p>
  );
}

/** The button for those who may run builds again, where the host may do it. */
function Rerun({ build, name, entityRef }: BuildRowProps & { name: string }) {
  const queries = useQueryClient();
  const isAllowed = useIsAllowed({ permission: 'portico.build.rerun' });
  const { start, busy, error } = useCommand(() => rerunBuild(entityRef, build.id), {
    onSettled: () => queries.invalidateQueries({ queryKey: ofEntityQuery('builds', entityRef).queryKey }),
  });
  if (!build.canRerun || !isAllowed) return null;
  return (
    <>
      {error && (
        <p role="alert" className="text-small text-failed wrap-anywhere">
          {error.message}
        </p>
      )}
      <Button tone="quiet" icon={RotateCcw} busy={busy} aria-label={`Run again: ${name}`} onClick={start}>
        Run again
      </Button>
    </>
  );
}
