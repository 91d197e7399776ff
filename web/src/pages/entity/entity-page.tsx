import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, Suspense, useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { entityQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { isDocumented, siteOf } from '@/docs/site';
import { rememberVisit } from '@/entity/bookmarks';
import { EntityLink } from '@/entity/entity-link';
import { KindIcon } from '@/entity/kind-icon';
import { displayName, namespaceOf, ownersOf, refOf } from '@/entity/ref';
import { StarButton } from '@/entity/star-button';
import { useKindLabel } from '@/entity/use-model';
import { entityTabs } from '@/search-params';
import { buttonLook } from '@/ui/button';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { useEntityMoves } from './entity-moves';
import { Explained } from './explained';
import { RelationsTab } from './graph/relations-tab';
import { History } from './history';
import { Inspected } from './inspected';
import { Overview } from './overview';

const route = getRouteApi('/catalog/$namespace/$kind/$name');

const ApiTab = lazy(() => import('./api/api-tab'));

type Part = (typeof entityTabs)[number];

const partLabels: Record<Part, string> = {
  overview: 'Overview',
  api: 'Definition',
  relations: 'Relations',
  explain: 'Explain',
  history: 'History',
  yaml: 'YAML',
};

export function EntityPage() {
  const { kind, namespace, name } = route.useParams();
  const queries = useQueryClient();
  const { data: entity, error, refetch } = useQuery(entityQuery(kind, namespace, name));
  const ref = entity && refOf(entity);

  useEffect(() => {
    document.title = `${entity ? displayName(entity) : name} · Catalog`;
  }, [entity, name]);
  useEffect(() => {
    if (ref) rememberVisit(queries, ref);
  }, [queries, ref]);

  if (entity) return <Shown key={ref} entity={entity} />;
  if (error instanceof ApiError && error.status === 404) return <Missing />;
  if (error) return <ErrorPanel error={error} doing={`show ${name}`} onRetry={() => refetch()} />;
  return <Skeleton lines={8} />;
}

function Shown({ entity }: { entity: Entity }) {
  const { tab } = route.useSearch();
  const tabs = tabsOf(entity);
  const current = tab && tabs.includes(tab) ? tab : 'overview';
  return (
    <article className="max-w-6xl space-y-5">
      <Header entity={entity} />
      <Tabs label="Parts of the entity">
        {tabs.map((name) => (
          <Tab
            key={name}
            from="/catalog/$namespace/$kind/$name"
            search={name === 'overview' ? {} : { tab: name }}
            resetScroll={false}
            current={name === current}
          >
            {partLabels[name]}
          </Tab>
        ))}
        {isDocumented(entity) && (
          <Tab to="/docs/$namespace/$kind/$name/$" params={{ ...siteOf(refOf(entity)), _splat: '' }} current={false}>
            Docs
          </Tab>
        )}
      </Tabs>
      {current === 'overview' && <Overview entity={entity} />}
      {current === 'api' && (
        <Suspense fallback={<Skeleton lines={8} />}>
          <ApiTab entity={entity} />
        </Suspense>
      )}
      {current === 'relations' && <RelationsTab entity={entity} />}
      {current === 'explain' && <Explained entityRef={refOf(entity)} />}
      {current === 'history' && <History entityRef={refOf(entity)} />}
      {current === 'yaml' && <Inspected entity={entity} />}
    </article>
  );
}

/** Tabs only for what exists. */
function tabsOf(entity: Entity): Part[] {
  const has: Record<Part, boolean> = {
    overview: true,
    api: typeof entity.spec?.definition === 'string' || Array.isArray(entity.spec?.remotes),
    relations: (entity.relations ?? []).length > 0,
    explain: true,
    history: true,
    yaml: true,
  };
  return entityTabs.filter((tab) => has[tab]);
}

function Header({ entity }: { entity: Entity }) {
  const title = displayName(entity);
  const kind = entity.kind.toLowerCase();
  const { lifecycle } = entity.spec ?? {};
  const owners = ownersOf(entity);
  const kindLabel = useKindLabel();
  const { menu, outcome } = useEntityMoves(entity);
  return (
    <header className="space-y-1">
      <p className="text-small text-muted">
        <Link to="/catalog" search={{ kind }} className="hover:text-ink">
          {kindLabel(kind)}
        </Link>
        {namespaceOf(entity) !== 'default' && ` in ${namespaceOf(entity)}`}
      </p>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="flex min-w-0 flex-1 items-center gap-x-3">
          <h1 className="flex min-w-0 items-center gap-2 text-title">
            <KindIcon kind={kind} size={18} />
            <span className="wrap-anywhere">{title}</span>
          </h1>
          <StarButton entityRef={refOf(entity)} title={title} />
        </div>
        {kind === 'template' && (
          <Link
            to="/create/templates/$namespace/$name"
            params={{ namespace: namespaceOf(entity), name: entity.metadata.name }}
            className={buttonLook('primary', 'max-sm:order-last max-sm:w-full')}
          >
            Use this template
          </Link>
        )}
        {menu}
      </div>
      <p className="flex flex-wrap items-center gap-x-2 text-muted">
        {owners.length > 0 && (
          <>
            owned by
            {owners.map((owner) => (
              <EntityLink key={owner} entityRef={owner} />
            ))}
          </>
        )}
        {typeof lifecycle === 'string' && (
          <>
            {owners.length > 0 && <span aria-hidden>·</span>}
            {lifecycle}
          </>
        )}
      </p>
      {outcome}
    </header>
  );
}

function Missing() {
  const { kind, namespace, name } = route.useParams();
  return (
    <div className="space-y-2">
      <h1 className="text-title">
        There is no {kind} called {name}
        {namespace !== 'default' && ` in ${namespace}`}
      </h1>
      <p className="max-w-[70ch] text-muted">
        It may have another kind or namespace, have left its source, or not be there yet: what was just registered is
        read within a few seconds.{' '}
        <Link to="/catalog" search={{ q: name }} className="text-accent underline">
          Look for “{name}”
        </Link>
      </p>
    </div>
  );
}
