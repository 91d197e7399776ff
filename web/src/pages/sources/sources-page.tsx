import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { sourcesQuery } from '@/api/queries';
import type { Source } from '@/api/types';
import { DeniedPage } from '@/policy/denied';
import { plural } from '@/ui/format';
import { rowLink } from '@/ui/row-link';
import { State } from '@/ui/state';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { type Column, Table } from '@/ui/table';
import { Tag } from '@/ui/tag';
import { RelativeTime } from '@/ui/time';
import { sweepLook } from '../source/look';
import { changesOf, progressOf, scheduleOf } from '../source/words';

/** Where the catalog's entities come from: each configured source with its latest sweep and the next one. */
export function SourcesPage() {
  const { data, error, isPending, refetch } = useQuery(sourcesQuery);
  useEffect(() => {
    document.title = 'Sources · Catalog';
  }, []);
  if (error instanceof ApiError && error.status === 403) {
    return <DeniedPage title="Sources of the catalog" needs={{ permission: 'portico.catalog.source.read' }} />;
  }
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <h1 className="text-title">Sources of the catalog</h1>
        <Link to="/catalog" className="text-muted hover:text-ink hover:underline">
          Catalog
        </Link>
      </div>
      {error && <ErrorPanel error={error} doing="list the sources" onRetry={() => refetch()} />}
      {isPending && <Skeleton lines={4} />}
      {data?.sources.length === 0 && <NoSources />}
      {data && data.sources.length > 0 && (
        <Table label="Sources" columns={columns} rows={data.sources} rowKey={({ name }) => name} />
      )}
    </div>
  );
}

function NoSources() {
  return (
    <Empty title="No source is configured.">
      <p>
        A source brings the entities of a whole organization: its repositories, or its people and teams. Add one below{' '}
        <code className="font-mono">catalog.providers</code> in the configuration, as for Backstage.
      </p>
      <p>Single files are registered as locations, and need no source.</p>
    </Empty>
  );
}

const columns: Column<Source>[] = [
  {
    key: 'name',
    header: 'Source',
    cell: ({ name, place, leftAt }) => (
      <>
        <Link
          to="/catalog/sources/$name"
          params={{ name }}
          className={`font-medium wrap-anywhere hover:text-accent ${rowLink}`}
        >
          {place || name}
        </Link>{' '}
        {leftAt && <Tag>not configured any more</Tag>}
        <div className="text-small wrap-anywhere text-muted">{name}</div>
      </>
    ),
  },
  {
    key: 'last',
    header: 'Latest sweep',
    cell: ({ last }) => (last ? <LatestSweep of={last} /> : <span className="text-muted">none yet</span>),
  },
  {
    key: 'next',
    header: 'Next',
    className: 'w-44 max-md:hidden',
    cell: (source) => (source.leftAt ? <span className="text-muted">none</span> : <Next of={source} />),
  },
  {
    key: 'entities',
    header: 'Brings',
    className: 'w-32 max-sm:hidden',
    cell: ({ entities }) => plural(entities, 'entity', 'entities'),
  },
];

function Next({ of: { nextAt, paused, ...source } }: { of: Source }) {
  return (
    <>
      {paused ? <Tag>paused</Tag> : nextAt ? <RelativeTime at={nextAt} /> : <span className="text-muted">by hand</span>}
      <div className="text-small text-muted">{scheduleOf(source)}</div>
    </>
  );
}

function LatestSweep({ of: sweep }: { of: NonNullable<Source['last']> }) {
  const { failure, endedAt, state } = sweep;
  return (
    <>
      <State look={sweepLook(sweep)} />
      <div className="text-small wrap-anywhere text-muted">
        {failure
          ? failure.message
          : state === 'committed' || state === 'waiting'
            ? changesOf(sweep)
            : progressOf(sweep)}
        {endedAt && (
          <>
            , <RelativeTime at={endedAt} />
          </>
        )}
      </div>
    </>
  );
}
