import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { byTitle } from '@/api/catalog';
import { entityListQuery, sessionQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { docsAnnotations, siteAddress, siteOf } from '@/docs/site';
import { EntityLink } from '@/entity/entity-link';
import { KindIcon } from '@/entity/kind-icon';
import { displayName, ownersOf, refOf } from '@/entity/ref';
import { DocsLink } from '@/pages/docs/docs-link';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { linkedRow, rowLink } from '@/ui/row-link';
import { Command, Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { useSettled } from '@/ui/use-settled';

const route = getRouteApi('/docs');

const documented = `metadata.annotations.${docsAnnotations.own}`;
const borrowed = `metadata.annotations.${docsAnnotations.borrowed}`;
const fields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.description',
  'spec.profile',
  'relations',
];
const perPage = 100;
/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 200;

/** All entities with documentation, the person's own first. */
export function DocsListPage() {
  const { q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const settled = useSettled(q, pause);
  const text = q && settled;
  const { data: session } = useQuery(sessionQuery);
  const owners = session?.backstageIdentity.identity.ownershipEntityRefs ?? [];
  useEffect(() => {
    document.title = 'Docs · Portico';
  }, []);
  return (
    <div className="max-w-4xl space-y-6">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <h1 className="text-title">Docs</h1>
        <SearchInput
          label="Find by name, title or description"
          value={q}
          onChange={(next) => navigate({ search: next ? { q: next } : {}, replace: true })}
          className="w-full sm:w-80"
        />
        {q !== '' && (
          <Link to="/search" search={{ query: q, 'types[]': ['techdocs'] }} className="text-accent hover:underline">
            Search in the text of all pages
          </Link>
        )}
      </div>
      {session && <Lists owners={owners} text={text} />}
    </div>
  );
}

interface ListsProps {
  owners: readonly string[];
  text: string;
}

function Lists({ owners, text }: ListsProps) {
  const shared = { fields, limit: perPage, orderField: byTitle, ...(text && { text }) };
  const ofOwners = owners.map((owner) => `relations.ownedBy=${owner}`).join(',');
  const own = useInfiniteQuery({
    ...entityListQuery({ ...shared, filter: [`${documented},${ofOwners}`, `${borrowed},${ofOwners}`] }),
    enabled: owners.length > 0,
  });
  const all = useInfiniteQuery(entityListQuery({ ...shared, filter: [documented, borrowed] }));
  if (all.error && !all.data)
    return <ErrorPanel error={all.error} doing="list the documentation" onRetry={() => all.refetch()} />;
  if (!all.data || (owners.length > 0 && own.isPending)) return <Skeleton lines={8} />;
  const mine = own.data?.pages.flatMap(({ items }) => items) ?? [];
  const known = new Set(mine.map(refOf));
  const others = all.data.pages.flatMap(({ items }) => items).filter((entity) => !known.has(refOf(entity)));
  const total = all.data.pages[0]?.totalItems ?? 0;
  if (total === 0) return text ? <NothingFound text={text} /> : <NoDocs />;
  return (
    <div className="space-y-8">
      {mine.length > 0 && <List title="Yours" entities={mine} />}
      {others.length > 0 && (
        <List
          title={mine.length > 0 ? 'All others' : plural(total, 'documented entity', 'documented entities')}
          entities={others}
        />
      )}
      {all.hasNextPage && (
        <Button busy={all.isFetchingNextPage} onClick={() => all.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function List({ title, entities }: { title: string; entities: readonly Entity[] }) {
  return (
    <section aria-label={title}>
      <h2 className="border-b pb-1.5">{title}</h2>
      <ul className="divide-y">
        {entities.map((entity) => (
          <Row key={refOf(entity)} entity={entity} />
        ))}
      </ul>
    </section>
  );
}

function Row({ entity }: { entity: Entity }) {
  const owner = ownersOf(entity)[0];
  return (
    <li className={`flex flex-wrap items-baseline gap-x-4 gap-y-0.5 py-2 ${linkedRow}`}>
      <DocsLink
        address={siteAddress(siteOf(refOf(entity)))}
        className={`inline-flex min-w-0 items-center gap-2 font-medium ${rowLink}`}
      >
        <KindIcon kind={entity.kind} />
        <span className="self-baseline truncate">{displayName(entity)}</span>
      </DocsLink>
      <span className="min-w-0 grow basis-0 truncate text-muted max-sm:basis-full">{entity.metadata.description}</span>
      {owner && <EntityLink entityRef={owner} className="relative text-muted" />}
    </li>
  );
}

function NothingFound({ text }: { text: string }) {
  return (
    <Empty title={`No documented entity has “${text}” in its name, title or description`}>
      <p>The text of the pages is searched by the link above.</p>
    </Empty>
  );
}

function NoDocs() {
  return (
    <Empty title="Nothing is documented here yet">
      <p>Put mkdocs.yml and a folder docs beside catalog-info.yaml, and this annotation into it:</p>
      <Command>backstage.io/techdocs-ref: dir:.</Command>
    </Empty>
  );
}
