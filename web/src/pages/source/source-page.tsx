import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Pause, Play, RefreshCw } from 'lucide-react';
import { useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { isUnderWay, sourceQuery } from '@/api/queries';
import { commandSource } from '@/api/sources';
import type { SourceWithSweeps } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { DeniedPage, GuardedButton } from '@/policy/denied';
import { plural } from '@/ui/format';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';
import { SweepItem } from './sweep-item';
import { scheduleOf } from './words';

const route = getRouteApi('/catalog/sources/$name');

/** One source of the catalog: when it is swept, how far a sweep is, and what the latest sweeps changed. */
export function SourcePage() {
  const { name } = route.useParams();
  const { data: source, error, isPending, refetch } = useQuery(sourceQuery(name));
  useEffect(() => {
    document.title = `${source?.place || name} · Sources`;
  }, [source?.place, name]);
  if (error instanceof ApiError && error.status === 403) {
    return <DeniedPage title={name} needs={{ permission: 'portico.catalog.source.read' }} />;
  }
  if (error) return <ErrorPanel error={error} doing={`show the source ${name}`} onRetry={() => refetch()} />;
  if (isPending) return <Skeleton lines={6} />;
  return (
    <div className="max-w-4xl space-y-5">
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <h1 className="text-title wrap-anywhere">{source.place || name}</h1>
        <Link to="/catalog/sources" className="text-muted hover:text-ink hover:underline">
          Sources
        </Link>
      </div>
      <Facts of={source} />
      <Moves source={source} />
      <section aria-labelledby="sweeps" className="space-y-2">
        <h2 id="sweeps" className="font-semibold">
          Sweeps
        </h2>
        {source.sweeps.length === 0 ? (
          <Empty title="It was not swept yet." />
        ) : (
          <ol className="divide-y">
            {source.sweeps.map((sweep) => (
              <SweepItem key={sweep.id} sweep={sweep} />
            ))}
          </ol>
        )}
      </section>
    </div>
  );
}

function Facts({ of: source }: { of: SourceWithSweeps }) {
  const { name, kind, paused, nextAt, leftAt, entities } = source;
  return (
    <dl className="grid max-w-2xl grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1 wrap-anywhere">
      <dt className="text-muted">Name</dt>
      <dd className="font-mono text-small wrap-anywhere">{name}</dd>
      <dt className="text-muted">Configured by</dt>
      <dd>
        {leftAt ? (
          <>
            nothing since <RelativeTime at={leftAt} />
          </>
        ) : (
          <code className="font-mono">catalog.providers.{kind}</code>
        )}
      </dd>
      <dt className="text-muted">Swept</dt>
      <dd>
        {scheduleOf(source)}
        {paused && ', paused'}
        {nextAt && !paused && (
          <>
            , next <RelativeTime at={nextAt} />
          </>
        )}
      </dd>
      <dt className="text-muted">Brings</dt>
      <dd>{plural(entities, 'entity', 'entities')}, and what is below them</dd>
    </dl>
  );
}

const needed = { permission: 'portico.catalog.source.update' };

function Moves({ source: { name, paused, leftAt, last } }: { source: SourceWithSweeps }) {
  const queries = useQueryClient();
  const onSettled = () => queries.invalidateQueries({ queryKey: ['sources'] });
  const sweep = useCommand(() => commandSource(name, 'sweep'), { onSettled });
  const pause = useCommand(() => commandSource(name, paused ? 'resume' : 'pause'), { onSettled });
  if (leftAt) return null;
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap gap-2">
        <GuardedButton
          needs={needed}
          icon={RefreshCw}
          busy={sweep.busy}
          disabled={isUnderWay(last) || last?.state === 'waiting'}
          onClick={sweep.start}
        >
          Sweep now
        </GuardedButton>
        <GuardedButton needs={needed} icon={paused ? Play : Pause} busy={pause.busy} onClick={pause.start}>
          {paused ? 'Resume the schedule' : 'Pause the schedule'}
        </GuardedButton>
      </div>
      {sweep.error && <ErrorPanel error={sweep.error} doing="sweep it" />}
      {pause.error && <ErrorPanel error={pause.error} doing={paused ? 'resume its schedule' : 'pause its schedule'} />}
    </div>
  );
}
