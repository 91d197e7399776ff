import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Terminal } from 'lucide-react';
import type { ReactNode } from 'react';
import { byTitle } from '@/api/client';
import { ApiError } from '@/api/errors';
import { actionsQuery, entitiesQuery, facetsQuery, runsQuery } from '@/api/queries';
import type { Action, Entity, RunSummary } from '@/api/types';
import { useRecent } from '@/entity/bookmarks';
import { KindIcon } from '@/entity/kind-icon';
import { displayName, namespaceOf, parseRef, refOf } from '@/entity/ref';
import { useTitles } from '@/entity/titles';
import { runName } from '@/run/name';
import { runLook } from '@/run/status';
import { isListedByDefault } from '@/search-params';
import { StateIcon } from '@/ui/state';
import { useSettled } from '@/ui/use-settled';
import { type Candidate, type Hit, rank } from './rank';

/** The target of a search result. */
export type Target =
  | { kind: 'entity' | 'template' | 'run' | 'action'; id: string; hint: string; icon: ReactNode }
  | { kind: 'page'; id: (typeof pages)[number]['to']; hint: string }
  /** All entities of the catalog that contain the term. */
  | { kind: 'all'; term: string };

const pages = [
  { title: 'Home', to: '/' },
  { title: 'Catalog', to: '/catalog' },
  { title: 'Create', to: '/create' },
  { title: 'Runs', to: '/runs' },
  { title: 'Actions for templates', to: '/create/actions' },
  { title: 'Import into the catalog', to: '/catalog/import' },
  { title: 'Sources of the catalog', to: '/catalog/sources' },
  { title: 'Who I am', to: '/me' },
  { title: 'Sessions', to: '/sessions' },
  { title: 'Audit log', to: '/audit' },
  { title: 'Permissions', to: '/explain' },
  { title: 'Roles', to: '/roles' },
] as const;

const entityFields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.description',
  'spec.profile',
];

/** The maximum number of ranked entities with the term in the name, and of others. */
const mostNamed = 100;
const mostOthers = 20;
const mostShown = 30;
/** The newest runs, which people usually look for. */
const mostRuns = 200;
/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 150;

interface Found {
  hits: Hit<Target>[];
  /** The number of entities that contain the term. */
  total: number;
  loading: boolean;
  /** Whether something could not be searched, so that results may be missing. */
  failed: boolean;
}

/**
 * The results for the term, the best first. The server is asked when the user pauses; earlier results are
 * ranked again at every keystroke.
 */
export function useFound(term: string): Found {
  const settled = useSettled(term, pause);
  const asked = { enabled: term !== '' && settled !== '', placeholderData: keepPreviousData };
  const shared = { text: settled, fields: entityFields, orderField: byTitle };
  const textFields = ['metadata.name', 'metadata.title', 'spec.profile.displayName'];
  const named = useQuery({ ...entitiesQuery({ ...shared, textFields, limit: mostNamed }), ...asked });
  const others = useQuery({ ...entitiesQuery({ ...shared, limit: mostOthers }), ...asked });
  const counts = useQuery({ ...facetsQuery(['kind'], [], settled), ...asked });
  const runs = useQuery({ ...runsQuery({ limit: mostRuns }), ...asked, staleTime: 10_000 });
  const actions = useQuery({ ...actionsQuery, ...asked });

  const entities = new Map(
    [...(named.data?.items ?? []), ...(others.data?.items ?? [])].map((entity) => [refOf(entity), entity]),
  );
  const candidates = [
    ...templatesFirst([...entities.values()]).map(ofEntity),
    ...(runs.data?.runs ?? []).map(ofRun),
    ...(actions.data ?? []).map(ofAction),
    ...pages.map(ofPage),
  ];
  const total = counts.data?.kind?.reduce((sum, { value, count }) => sum + (isListedByDefault(value) ? count : 0), 0);
  return {
    hits: term ? rank(term, candidates).slice(0, mostShown) : [],
    total: total ?? 0,
    loading: settled !== term || named.isFetching || others.isFetching || runs.isFetching,
    failed: term !== '' && [named, others, counts, runs, actions].some(({ error }) => error && !isForbidden(error)),
  };
}

/** Things without permission are treated as missing, because a retry does not help. */
function isForbidden(error: Error): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** The suggestions of an empty search: recently seen things, and the pages. */
export function useSuggestions(): Hit<Target>[] {
  const recent = useRecent();
  const titles = useTitles(recent);
  const seen = recent.map((ref): Hit<Target> => {
    const { kind } = parseRef(ref);
    const target: Target = { kind: 'entity', id: ref, hint: `${kind}, recently seen`, icon: <KindIcon kind={kind} /> };
    return { target, title: titles.of(ref, kind), because: undefined };
  });
  return [...seen, ...pages.map(ofPage).map(({ target, title }) => ({ target, title, because: undefined }))];
}

/** Goes to a target. */
export function useOpen(): (target: Target) => void {
  const navigate = useNavigate();
  return (target) => {
    if (target.kind === 'all') return navigate({ to: '/catalog', search: { q: target.term } });
    if (target.kind === 'page') return navigate({ to: target.id });
    if (target.kind === 'run') return navigate({ to: '/runs/$id', params: { id: target.id } });
    if (target.kind === 'action') return navigate({ to: '/create/actions/$id', params: { id: target.id } });
    const { kind, namespace, name } = parseRef(target.id);
    if (target.kind === 'template')
      return navigate({ to: '/create/templates/$namespace/$name', params: { namespace, name } });
    return navigate({ to: '/catalog/$namespace/$kind/$name', params: { kind, namespace, name } });
  };
}

function templatesFirst(entities: readonly Entity[]): Entity[] {
  return entities.toSorted((a, b) => Number(b.kind === 'Template') - Number(a.kind === 'Template'));
}

function ofEntity(entity: Entity): Candidate<Target> {
  const kind = entity.kind.toLowerCase();
  const place = namespaceOf(entity) === 'default' ? '' : ` in ${namespaceOf(entity)}`;
  return {
    target: {
      kind: kind === 'template' ? 'template' : 'entity',
      id: refOf(entity),
      hint: `${kind}${place}`,
      icon: <KindIcon kind={kind} />,
    },
    title: displayName(entity),
    others: [
      { field: 'name', text: entity.metadata.name },
      { field: 'description', text: entity.metadata.description ?? '' },
    ],
  };
}

function ofRun(run: RunSummary): Candidate<Target> {
  const look = runLook(run);
  return {
    target: {
      kind: 'run',
      id: run.id,
      hint: `run, ${look.word.toLowerCase()}`,
      icon: <StateIcon look={look} size={14} />,
    },
    title: runName(run),
    others: [
      { field: 'template', text: run.title },
      { field: 'id', text: run.id },
    ],
  };
}

function ofAction({ id, description = '' }: Action): Candidate<Target> {
  return {
    target: {
      kind: 'action',
      id,
      hint: 'action',
      icon: <Terminal size={14} aria-hidden className="shrink-0 text-muted" />,
    },
    title: id,
    others: [{ field: 'description', text: description }],
  };
}

function ofPage({ title, to }: (typeof pages)[number]): Candidate<Target> {
  return { target: { kind: 'page', id: to, hint: 'page' }, title, others: [] };
}
