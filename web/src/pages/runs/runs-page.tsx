import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useCallback, useEffect } from 'react';
import { runPagesQuery, sessionQuery } from '@/api/queries';
import type { RunSummary } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { humanizeRef } from '@/entity/ref';
import { useTitle } from '@/entity/titles';
import { beganAt } from '@/run/began';
import { runName } from '@/run/name';
import { runLook } from '@/run/status';
import type { RunsSearch } from '@/search-params';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { rowLink } from '@/ui/row-link';
import { State } from '@/ui/state';
import { Command, Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { type Column, Table } from '@/ui/table';
import { Tab, Tabs } from '@/ui/tabs';
import { Duration, RelativeTime } from '@/ui/time';
import { Causes } from './causes';

const route = getRouteApi('/runs');

export function RunsPage() {
  const { status, phase, template, by, cause, group } = route.useSearch();
  const query = useInfiniteQuery({
    ...runPagesQuery({
      ...(status && { status }),
      ...(phase && { phase }),
      ...(template && { template }),
      ...(by && { createdBy: by }),
      ...(cause && { cause }),
    }),
    enabled: !group,
  });
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const runs = data?.pages.flatMap((page) => page.runs) ?? [];
  const total = data?.pages[0]?.total;

  useEffect(() => {
    document.title = 'Runs · Portico';
  }, []);

  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h1 className="text-title">Runs</h1>
        {!group && total !== undefined && <span className="text-muted">{plural(total, 'run')}</span>}
      </div>
      <Filters />
      {group && <Causes template={template} createdBy={by} columns={columns} />}
      {!group && error && !data && <ErrorPanel error={error} doing="list the runs" onRetry={() => refetch()} />}
      {!group && !data && !error && <Skeleton lines={8} />}
      {!group && data && runs.length === 0 && <NoRuns filtered={Boolean(status || phase || template || by || cause)} />}
      {!group && runs.length > 0 && (
        <Table
          label="Runs"
          columns={columns}
          rows={runs}
          rowKey={(run) => run.id}
          {...(total !== undefined && { total })}
          onNearEnd={more}
        />
      )}
    </div>
  );
}

const columns: Column<RunSummary>[] = [
  { key: 'state', header: 'State', className: 'w-32', cell: (run) => <State look={runLook(run)} /> },
  { key: 'what', header: 'What', cell: (run) => <What run={run} /> },
  {
    key: 'template',
    header: 'Template',
    className: 'hidden md:table-cell md:w-[22%]',
    cell: (run) => (
      <EntityLink
        entityRef={run.templateRef}
        defaultKind="template"
        {...(run.subject && { title: run.title })}
        className="relative"
      />
    ),
  },
  {
    key: 'by',
    header: 'By',
    className: 'hidden lg:table-cell lg:w-40',
    cell: (run) => run.createdBy && <EntityLink entityRef={run.createdBy} defaultKind="user" className="relative" />,
  },
  {
    key: 'started',
    header: 'Started',
    className: 'hidden w-28 sm:table-cell',
    cell: (run) => <RelativeTime at={beganAt(run)} />,
  },
  {
    key: 'duration',
    header: 'Duration',
    className: 'hidden w-28 md:table-cell',
    cell: (run) => <Duration from={run.timedFrom} to={run.finishedAt} />,
  },
];

function What({ run }: { run: RunSummary }) {
  return (
    <>
      <Link
        to="/runs/$id"
        params={{ id: run.id }}
        title={run.error?.message}
        className={classNames('block truncate font-medium hover:text-accent hover:underline', rowLink)}
      >
        {runName(run)}
      </Link>
      {run.phase === 'parked' && run.failedStepName && (
        <p className="truncate text-small text-muted">
          at {run.failedStepName}
          {run.error && `: ${run.error.message}`}
        </p>
      )}
      <p className="truncate text-small text-muted sm:hidden">
        <RelativeTime at={beganAt(run)} />
      </p>
    </>
  );
}

/** The frequent filters as views, and the filter by template. */
function Filters() {
  const { status, phase, template, by, cause, group } = route.useSearch();
  const { data: session } = useQuery(sessionQuery);
  const title = useTitle(template);
  const me = session?.backstageIdentity.identity.userEntityRef;
  return (
    <Tabs label="Views">
      <View label="All" search={{}} active={!status && !phase && !by} />
      <View label="Running" search={{ status: 'processing' }} active={status === 'processing'} />
      <View label="Failed" search={{ phase: 'parked' }} active={phase === 'parked' && !group && !cause} />
      <View
        label="Failed, by cause"
        search={{ phase: 'parked', group: 'cause' }}
        active={group === 'cause' || Boolean(cause)}
      />
      <View label="Completed" search={{ status: 'completed' }} active={status === 'completed'} />
      <View label="Cancelled" search={{ phase: 'cancelled' }} active={phase === 'cancelled'} />
      <View label="Rolled back" search={{ phase: 'rolledBack' }} active={phase === 'rolledBack'} />
      {me && <View label="Mine" search={{ by: me }} active={by === me} />}
      {template && (
        <Link
          from="/runs"
          search={({ template: _, ...rest }) => rest}
          className="ml-auto py-1.5 text-small whitespace-nowrap text-muted hover:text-ink"
        >
          of {title ?? humanizeRef(template, 'template')} ✕<span className="sr-only">, remove this filter</span>
        </Link>
      )}
    </Tabs>
  );
}

interface ViewProps {
  label: string;
  search: RunsSearch;
  active: boolean;
}

function View({ label, search, active }: ViewProps) {
  const { template } = route.useSearch();
  return (
    <Tab to="/runs" search={{ ...search, ...(template && { template }) }} current={active}>
      {label}
    </Tab>
  );
}

function NoRuns({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No run is like this." />;
  return (
    <Empty title="Nothing has run yet.">
      <p>
        Pick a template under{' '}
        <Link to="/create" className="text-accent underline">
          Create
        </Link>
        , or start one from a terminal:
      </p>
      <Command>portico run TEMPLATE --set name=value --watch</Command>
    </Empty>
  );
}
