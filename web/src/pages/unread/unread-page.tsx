import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { CircleAlert, Clock } from 'lucide-react';
import { useEffect } from 'react';
import { unprocessedQuery } from '@/api/queries';
import type { UnprocessedEntity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { Button } from '@/ui/button';
import { ExternalLink } from '@/ui/external-link';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { RelativeTime } from '@/ui/time';
import { nameOf, placeOf } from './place';

const route = getRouteApi('/catalog/unread');

/**
 * What the catalog could not read, or has not read yet: an entity that was never valid has no page of its
 * own.
 */
export function UnreadPage() {
  const { of = 'failed' } = route.useSearch();
  const query = useInfiniteQuery(unprocessedQuery(of));
  useEffect(() => {
    document.title = 'Not read · Catalog';
  }, []);
  const found = query.data?.pages.flatMap((page) => page.entities) ?? [];
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <h1 className="text-title">What could not be read</h1>
        <Link to="/catalog" className="text-muted hover:text-ink hover:underline">
          Catalog
        </Link>
        {query.data && (
          <span role="status" className="text-muted">
            {found.length}
            {query.hasNextPage && ' and more'}
          </span>
        )}
      </div>
      <Tabs label="Why it is not read">
        <Tab from="/catalog/unread" to="." search={{}} current={of === 'failed'}>
          Wrong
        </Tab>
        <Tab from="/catalog/unread" to="." search={{ of: 'pending' }} current={of === 'pending'}>
          To come
        </Tab>
      </Tabs>
      {query.error && (
        <ErrorPanel error={query.error} doing="list what could not be read" onRetry={() => query.refetch()} />
      )}
      {query.isPending && <Skeleton lines={6} />}
      {query.data && found.length === 0 && <Nothing of={of} />}
      {found.length > 0 && (
        <ul aria-label={of === 'failed' ? 'What is wrong' : 'What is to come'} className="divide-y">
          {found.map((entity) => (
            <Unread key={entity.entity_id} entity={entity} />
          ))}
        </ul>
      )}
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Nothing({ of }: { of: 'failed' | 'pending' }) {
  return of === 'failed' ? (
    <Empty title="Everything that was found could be read." />
  ) : (
    <Empty title="Nothing is on its way: what was found was read." />
  );
}

function Unread({ entity }: { entity: UnprocessedEntity }) {
  const { entity_ref: ref, errors = [], last_discovery_at: found, next_update_at: next } = entity;
  const place = placeOf(entity);
  return (
    <li className="space-y-1 py-3">
      <h2 className="flex flex-wrap items-baseline gap-x-3">
        {entity.processed_entity ? (
          <EntityLink entityRef={ref} title={nameOf(entity)} className="font-medium" />
        ) : (
          <span className="font-medium wrap-anywhere">{nameOf(entity)}</span>
        )}
        {entity.processed_entity && errors.length > 0 && (
          <span className="text-small font-normal text-muted">the last valid version is served</span>
        )}
      </h2>
      {place && (
        <p className="text-small wrap-anywhere text-muted">
          {place.url ? <ExternalLink href={place.url}>{place.text}</ExternalLink> : place.text}
        </p>
      )}
      <ul className="space-y-1">
        {errors.map((error) => (
          <li key={error.message} className="flex gap-2">
            <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
            <span className="min-w-0 wrap-anywhere whitespace-pre-wrap">
              {error.name}: {error.message}
            </span>
          </li>
        ))}
      </ul>
      <p className="flex items-center gap-1.5 text-small text-muted">
        <Clock size={12} aria-hidden />
        <span>
          Found <RelativeTime at={found} />, read again <RelativeTime at={next} />
        </span>
      </p>
    </li>
  );
}
