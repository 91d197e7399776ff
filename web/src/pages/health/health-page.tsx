import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { catalogHealthQuery, conflictsQuery, findingsQuery } from '@/api/queries';
import type { CatalogHealth, FoundEntity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { ConflictItem, Lines } from '@/pages/entity/conflict';
import { Place } from '@/pages/entity/explained';
import { type HealthList, healthLists } from '@/search-params';
import { Button } from '@/ui/button';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { agesOf, counted } from './numbers';

const route = getRouteApi('/catalog/health');

const names: Record<HealthList, string> = {
  conflicts: 'Claimed twice',
  unowned: 'Without an owner',
  dangling: 'Refer to nothing',
  duplicates: 'From several branches',
  orphans: 'In no location',
};

/** What is wrong with the whole catalog, as numbers and as lists. */
export function HealthPage() {
  const { of = 'conflicts' } = route.useSearch();
  const { data, error, refetch } = useQuery(catalogHealthQuery);
  useEffect(() => {
    document.title = 'Health · Catalog';
  }, []);
  return (
    <div className="max-w-6xl space-y-5">
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <h1 className="text-title">Catalog health</h1>
        <Link to="/catalog" className="text-muted hover:text-ink hover:underline">
          Catalog
        </Link>
      </div>
      {error && <ErrorPanel error={error} doing="count what is wrong with the catalog" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && (
        <>
          <Numbers health={data} />
          <Tabs label="What is wrong">
            {healthLists.map((list) => (
              <Tab
                key={list}
                from="/catalog/health"
                to="."
                search={list === 'conflicts' ? {} : { of: list }}
                current={list === of}
              >
                {names[list]} ({counted(data[list])})
              </Tab>
            ))}
          </Tabs>
          {of === 'conflicts' ? <Conflicts /> : <Findings key={of} of={of} />}
        </>
      )}
    </div>
  );
}

function Numbers({ health }: { health: CatalogHealth }) {
  return (
    <dl aria-label="Numbers" className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1">
      <dt className="text-muted">Entities</dt>
      <dd>
        {health.entities.toLocaleString('en')}
        <span className="text-muted"> ({agesOf(health.ages)})</span>
      </dd>
      <dt className="text-muted">Not read</dt>
      <dd>
        <Link to="/catalog/unread" className="hover:underline">
          {counted(health.failed)}
        </Link>
      </dd>
      <dt className="text-muted">To be read</dt>
      <dd>
        {counted(health.due)}
        {health.due > 0 && `, the oldest for ${Math.round(health.lagSeconds)} s`}
      </dd>
    </dl>
  );
}

function Conflicts() {
  const query = useInfiniteQuery(conflictsQuery);
  const found = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <List query={query} empty="No entity is claimed twice." count={found.length}>
      {found.map((conflict) => (
        <ConflictItem key={`${conflict.entityRef} ${conflict.claimant} ${conflict.claimantRef}`} conflict={conflict} />
      ))}
    </List>
  );
}

function Findings({ of }: { of: Exclude<HealthList, 'conflicts'> }) {
  const query = useInfiniteQuery(findingsQuery(of));
  const found = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <List query={query} empty="There is nothing of this kind." count={found.length}>
      {found.map((entity) => (
        <Finding key={entity.entityRef} entity={entity} />
      ))}
    </List>
  );
}

function Finding({ entity: { entityRef, location, missing, nextStep, configuration } }: { entity: FoundEntity }) {
  return (
    <li className="space-y-1 py-3">
      <h2>
        <EntityLink entityRef={entityRef} className="font-medium" />
      </h2>
      <p className="text-small text-muted">
        <Place location={location} />
      </p>
      {missing.length > 0 && <p className="wrap-anywhere">Not in the catalog: {missing.join(', ')}</p>}
      <p className="text-small text-muted">{nextStep}.</p>
      {configuration && <Lines>{configuration}</Lines>}
    </li>
  );
}

interface ListProps {
  query: {
    error: Error | null;
    isPending: boolean;
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    refetch: () => unknown;
    fetchNextPage: () => unknown;
  };
  empty: string;
  count: number;
  children: ReactNode;
}

function List({ query, empty, count, children }: ListProps) {
  if (query.error) return <ErrorPanel error={query.error} doing="list them" onRetry={() => query.refetch()} />;
  if (query.isPending) return <Skeleton lines={6} />;
  if (count === 0) return <Empty title={empty} />;
  return (
    <div className="space-y-4">
      <ul aria-label="What was found" className="divide-y">
        {children}
      </ul>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}
