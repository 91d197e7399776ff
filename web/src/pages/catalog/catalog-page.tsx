import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, CircleAlert } from 'lucide-react';
import { useEffect, useMemo } from 'react';
import { byTitle, byTitleDescending, type EntityQuery } from '@/api/catalog';
import { facetsQuery, unprocessedQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { errorsOf, problemsId } from '@/entity/problems';
import { displayName, ownersOf, parseRef, refOf } from '@/entity/ref';
import { useKindLabel } from '@/entity/use-model';
import { useIsAllowed } from '@/policy/may';
import { type CatalogSearch, isListedByDefault } from '@/search-params';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { rowLink } from '@/ui/row-link';
import { Command, Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { type Column, Table } from '@/ui/table';
import { Tab, Tabs } from '@/ui/tabs';
import { useSettled } from '@/ui/use-settled';
import { Export } from './export';
import { FacetList } from './facet-list';
import { filterOf } from './filters';
import { Notice } from './notice';
import { type EntityRows, useEntityRows } from './use-entity-rows';

const route = getRouteApi('/catalog');

/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 200;
const fields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.description',
  'metadata.tags',
  'spec.type',
  'spec.lifecycle',
  'spec.profile',
  'relations',
  'status',
];

export function CatalogPage() {
  const search = route.useSearch();
  const { data: kindFacet, error, refetch } = useQuery(facetsQuery(['kind'], []));
  const kinds = useMemo(() => (kindFacet?.kind ?? []).map(({ value }) => value.toLowerCase()), [kindFacet]);
  const main = useMemo(() => kinds.filter(isListedByDefault), [kinds]);
  const columns = useColumns();
  const kindLabel = useKindLabel();
  const typed = useSettled(search.q, pause);
  // An emptied box needs no delay.
  const text = search.q && typed;
  const shown = {
    filter: filterOf(search, main),
    ...(text && { text }),
    orderField: search.sort === '-name' ? byTitleDescending : byTitle,
  };
  const entities = useEntityRows({ ...shown, fields }, kindFacet !== undefined);

  useEffect(() => {
    document.title = `${search.kind ? kindLabel(search.kind) : 'Catalog'} · Portico`;
  }, [search.kind, kindLabel]);

  if (error && !kindFacet) return <ErrorPanel error={error} doing="list the catalog" onRetry={() => refetch()} />;
  return (
    <div className="space-y-4">
      <Notice />
      <Heading total={entities.total} shown={shown} />
      <Kinds kinds={kinds} main={main} text={text} />
      <div className="grid grid-cols-1 gap-x-8 gap-y-4 lg:grid-cols-[200px_minmax(0,1fr)]">
        <FacetList kinds={main} text={text} />
        <Results entities={entities} columns={columns} />
      </div>
    </div>
  );
}

/** A link to the entities that could not be read, if there are any. */
function Unread() {
  const query = useInfiniteQuery(unprocessedQuery('failed'));
  const count = query.data?.pages[0]?.entities.length ?? 0;
  if (count === 0) return null;
  return (
    <Link to="/catalog/unread" className="inline-flex items-center gap-1.5 text-failed hover:underline">
      <CircleAlert size={16} aria-hidden />
      {count}
      {query.hasNextPage && ' and more'} could not be read
    </Link>
  );
}

/** A link to where the entities come from, for those who may see it. */
function SourcesLink() {
  if (useIsAllowed({ permission: 'portico.catalog.source.read' }) !== true) return null;
  return (
    <Link to="/catalog/sources" className="text-muted hover:text-ink hover:underline">
      Sources
    </Link>
  );
}

interface HeadingProps {
  total: number | undefined;
  /** The query of the entities that are shown. */
  shown: EntityQuery;
}

/** A link to the import, for those who may register what they import. */
function ImportLink() {
  if (useIsAllowed({ permission: 'catalog.location.create' }) !== true) return null;
  return (
    <Link to="/catalog/import" search={{}} className="text-muted hover:text-ink hover:underline">
      Import
    </Link>
  );
}

function Heading({ total, shown }: HeadingProps) {
  const { q = '', kind, sort, ...chosen } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
      <h1 className="text-title">Catalog</h1>
      <SearchInput
        label="Find by name, title or description"
        value={q}
        onChange={(text) =>
          navigate({ search: ({ q: _, ...rest }) => ({ ...rest, ...(text && { q: text }) }), replace: true })
        }
        className="w-full sm:w-80"
      />
      {total !== undefined && (
        <span role="status" className="text-muted">
          {plural(total, 'entity', 'entities')}
        </span>
      )}
      {Object.keys(chosen).length > 0 && (
        <Link
          from="/catalog"
          search={{ ...(kind && { kind }), ...(q && { q }), ...(sort && { sort }) }}
          className="text-muted hover:text-ink hover:underline"
        >
          Clear filters
        </Link>
      )}
      <Unread />
      <SourcesLink />
      <ImportLink />
      <Link to="/catalog/health" className="text-muted hover:text-ink hover:underline">
        Health
      </Link>
      <Export query={shown} />
    </div>
  );
}

interface KindsProps {
  kinds: readonly string[];
  main: readonly string[];
  text: string | undefined;
}

/** The kinds, each with its number of matching entities. */
function Kinds({ kinds, main, text }: KindsProps) {
  const { kind, type: _, ...others } = route.useSearch();
  const { data } = useQuery(facetsQuery(['kind'], filterOf(others, []), text));
  const kindLabel = useKindLabel();
  const counts = new Map(data?.kind?.map(({ value, count }) => [value.toLowerCase(), count]));
  const countOf = (name: string) => (data ? (counts.get(name) ?? 0) : undefined);
  const everything = data && main.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
  return (
    <Tabs label="Kinds">
      <KindTab label="Everything" count={everything} active={!kind} search={others} />
      {kinds.map((name) => (
        <KindTab
          key={name}
          label={kindLabel(name)}
          count={countOf(name)}
          active={kind === name}
          search={{ ...others, kind: name }}
        />
      ))}
    </Tabs>
  );
}

interface KindTabProps {
  label: string;
  /** Undefined while it is loading. */
  count: number | undefined;
  active: boolean;
  /** The other filters stay, except the type, because each kind has its own types. */
  search: CatalogSearch;
}

function KindTab({ label, count, active, search }: KindTabProps) {
  return (
    <Tab to="/catalog" search={search} current={active}>
      {label} <span className="text-small text-muted">{count?.toLocaleString('en')}</span>
    </Tab>
  );
}

interface ResultsProps {
  entities: EntityRows;
  columns: Column<Entity>[];
}

function Results({ entities: { rows, total, error, retry, onRange }, columns }: ResultsProps) {
  if (total === undefined) {
    return error ? <ErrorPanel error={error} doing="list the catalog" onRetry={retry} /> : <Skeleton lines={8} />;
  }
  if (total === 0) return <NoEntities />;
  return (
    <div>
      {error && (
        <div className="sticky top-14 z-20 bg-page pb-2">
          <ErrorPanel error={error} doing="list this part of the catalog" onRetry={retry} />
        </div>
      )}
      <Table label="Entities" columns={columns} rows={rows} rowKey={refOf} total={total} onRange={onRange} />
    </div>
  );
}

function useColumns(): Column<Entity>[] {
  const { sort = 'name', kind } = route.useSearch();
  const descending = sort === '-name';
  return [
    {
      key: 'name',
      header: (
        <Link
          from="/catalog"
          search={({ sort: _, ...rest }) => ({ ...rest, ...(!descending && { sort: '-name' as const }) })}
          className="inline-flex items-center gap-1 hover:text-ink"
        >
          Name {descending ? <ArrowUp size={12} aria-hidden /> : <ArrowDown size={12} aria-hidden />}
        </Link>
      ),
      sort: descending ? 'descending' : 'ascending',
      className: 'xl:w-[28%]',
      cell: (entity) => <Name entity={entity} />,
    },
    {
      key: 'owner',
      header: 'Owner',
      className: 'hidden w-36 sm:table-cell',
      cell: (entity) => {
        const owner = ownersOf(entity)[0];
        return owner && <EntityLink entityRef={owner} className="relative" />;
      },
    },
    {
      key: 'type',
      header: kind ? 'Type' : 'Kind, type',
      className: 'hidden w-44 md:table-cell',
      cell: (entity) => <Muted>{[!kind && entity.kind, entity.spec?.type].filter(Boolean).join(', ')}</Muted>,
    },
    {
      key: 'lifecycle',
      header: 'Lifecycle',
      className: 'hidden w-28 md:max-lg:table-cell 2xl:table-cell',
      cell: (entity) => <Muted>{String(entity.spec?.lifecycle ?? '')}</Muted>,
    },
    {
      key: 'description',
      header: 'Description',
      className: 'hidden xl:table-cell',
      cell: (entity) => <Muted>{entity.metadata.description ?? ''}</Muted>,
    },
    {
      key: 'tags',
      header: 'Tags',
      className: 'hidden w-44 2xl:table-cell',
      cell: (entity) => <Muted>{entity.metadata.tags?.join(', ') ?? ''}</Muted>,
    },
  ];
}

function Name({ entity }: { entity: Entity }) {
  const owner = ownersOf(entity)[0];
  return (
    <>
      <span className="flex items-center gap-2">
        <EntityLink
          entityRef={refOf(entity)}
          title={displayName(entity)}
          className={classNames('font-medium', rowLink)}
        />
        <Errors entity={entity} />
      </span>
      {owner && (
        <p className="text-small text-muted sm:hidden">
          <EntityLink entityRef={owner} className="relative" />
        </p>
      )}
    </>
  );
}

/** Marks an entity that the catalog could not read fully, and links to the reason on its page. */
function Errors({ entity }: { entity: Entity }) {
  const errors = errorsOf(entity);
  const [first] = errors;
  if (!first) return null;
  const { kind, namespace, name } = parseRef(refOf(entity));
  return (
    <Link
      to="/catalog/$namespace/$kind/$name"
      params={{ kind, namespace, name }}
      hash={problemsId}
      title={first.message}
      className="relative -m-1 shrink-0 p-1 text-failed"
    >
      <CircleAlert size={16} aria-hidden />
      <span className="sr-only">
        {plural(errors.length, 'error')} of {displayName(entity)}
      </span>
    </Link>
  );
}

function Muted({ children }: { children: string }) {
  return (
    <span className="block truncate text-muted" title={children}>
      {children}
    </span>
  );
}

function NoEntities() {
  const { kind, q, sort: _, ...chosen } = route.useSearch();
  if (kind || q || Object.keys(chosen).length > 0) {
    return (
      <Empty title="Nothing in the catalog matches.">
        <Link to="/catalog" search={{}} className="text-accent underline">
          Show everything
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title="The catalog is empty.">
      <p>
        Name a location under <code className="font-mono">catalog.locations</code> in the configuration, or check a file
        that should be in it:
      </p>
      <Command>portico catalog validate catalog-info.yaml</Command>
    </Empty>
  );
}
