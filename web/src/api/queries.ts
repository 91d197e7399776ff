import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import * as access from './access';
import * as sessions from './browser-sessions';
import * as catalog from './catalog';
import { ApiError } from './errors';
import * as portal from './portal';
import * as runs from './runs';
import { session } from './session';
import * as sources from './sources';
import * as systems from './systems';
import * as templates from './templates';
import type { Build, Proposal, RunDetail, RunPhase, Sweep } from './types';

export const welcomeQuery = queryOptions({
  queryKey: ['welcome'],
  queryFn: ({ signal }) => portal.fetchWelcome(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const infoQuery = queryOptions({
  queryKey: ['info'],
  queryFn: ({ signal }) => portal.fetchInfo(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: session,
  staleTime: Number.POSITIVE_INFINITY,
});

export const entityQuery = (kind: string, namespace: string, name: string) =>
  queryOptions({
    queryKey: ['entity', kind, namespace, name],
    queryFn: ({ signal }) => catalog.fetchEntity(kind, namespace, name, signal),
    // The catalog reads a new registration within seconds. Someone who follows its link before that need not
    // reload.
    refetchInterval: ({ state: { error, errorUpdateCount } }) =>
      error instanceof ApiError && error.status === 404 && errorUpdateCount < 10 ? 3000 : false,
  });

export const historyQuery = (entityRef: string) =>
  infiniteQueryOptions({
    queryKey: ['history', entityRef],
    queryFn: ({ pageParam, signal }) => catalog.fetchHistory(entityRef, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

export const entityExplanationQuery = (entityRef: string) =>
  queryOptions({
    queryKey: ['entity explanation', entityRef],
    queryFn: ({ signal }) => catalog.fetchEntityExplanation(entityRef, signal),
  });

export const catalogHealthQuery = queryOptions({
  queryKey: ['catalog health'],
  queryFn: ({ signal }) => catalog.fetchCatalogHealth(signal),
});

export const conflictsQuery = infiniteQueryOptions({
  queryKey: ['catalog health', 'conflicts'],
  queryFn: ({ pageParam, signal }) => catalog.fetchConflicts(pageParam, signal),
  initialPageParam: '',
  getNextPageParam: ({ nextCursor }) => nextCursor,
});

export const findingsQuery = (finding: string) =>
  infiniteQueryOptions({
    queryKey: ['catalog health', finding],
    queryFn: ({ pageParam, signal }) => catalog.fetchFindings(finding, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
  });

/** An entity and the locations above it, after a moment at which the catalog was asked to read them again. */
export const ancestryQuery = (entityRef: string, after: number) =>
  queryOptions({
    queryKey: ['ancestry', entityRef, after],
    queryFn: ({ signal }) => catalog.fetchAncestry(entityRef, signal),
  });

/** What a system says about an entity: the last segment of its route, such as argocd. */
export const ofEntityQuery = <Item>(what: string, entityRef: string) =>
  queryOptions({
    queryKey: ['of-entity', what, entityRef],
    queryFn: ({ signal }) => systems.fetchOfEntity<Item>(what, entityRef, signal),
  });

/** The jobs of a build. They are asked for again while it goes on, and once when its status has changed. */
export const jobsQuery = (entityRef: string, { id, status }: Build) =>
  queryOptions({
    queryKey: ['jobs', entityRef, id, status],
    queryFn: ({ signal }) => systems.fetchJobs(entityRef, id, signal),
    placeholderData: (previous) => previous,
    refetchInterval: status === 'queued' || status === 'running' ? 15_000 : false,
  });

export const containerLogQuery = (place: systems.ContainerPlace, part: { tailLines: number; previous: boolean }) =>
  queryOptions({
    queryKey: ['container-log', place, part],
    queryFn: ({ signal }) => systems.fetchContainerLog(place, part, signal),
    refetchInterval: 10_000,
  });

export const entitiesQuery = (query: catalog.EntityQuery) =>
  queryOptions({ queryKey: ['entities', query], queryFn: ({ signal }) => catalog.queryEntities(query, signal) });

/** A list of entities that is read on from its end. */
export const entityListQuery = (query: Omit<catalog.EntityQuery, 'offset' | 'cursor'>) =>
  infiniteQueryOptions({
    queryKey: ['entity-list', query],
    queryFn: ({ signal, pageParam }) =>
      catalog.queryEntities({ ...query, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: ({ pageInfo }) => pageInfo.nextCursor,
    placeholderData: (previous) => previous,
  });

/** A page of entities by its number, from 0. Only the first has the number of all of them. */
export const entityPageQuery = (
  query: Omit<catalog.EntityQuery, 'offset' | 'cursor' | 'totalItems'>,
  number: number,
  perPage: number,
) =>
  queryOptions({
    queryKey: ['entity-pages', query, number],
    queryFn: ({ signal }) =>
      catalog.queryEntities(
        { ...query, limit: perPage, ...(number > 0 && { offset: number * perPage, totalItems: 'exclude' as const }) },
        signal,
      ),
  });

export const facetsQuery = (facets: readonly string[], filter: readonly string[], text = '') =>
  queryOptions({
    queryKey: ['facets', facets, filter, text],
    queryFn: ({ signal }) => catalog.fetchFacets(facets, filter, text, signal),
    placeholderData: (previous) => previous,
  });

const unprocessedPerPage = 100;

/**
 * What the catalog could not read, fully or partly. It also changes by itself, because files are read again.
 */
export const unprocessedQuery = (of: catalog.UnprocessedList) =>
  infiniteQueryOptions({
    queryKey: ['unprocessed', of],
    queryFn: ({ signal, pageParam }) =>
      catalog.fetchUnprocessed(of, { limit: unprocessedPerPage, ...(pageParam && { after: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: ({ entities }) =>
      entities.length === unprocessedPerPage ? entities[entities.length - 1]?.entity_ref : undefined,
    refetchInterval: 15_000,
  });

/** What entities may be. It changes only when the server is started again. */
export const modelQuery = queryOptions({
  queryKey: ['model'],
  queryFn: ({ signal }) => catalog.fetchModel(signal),
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

/** The sources of the catalog. They are asked for again while one of them is being swept. */
export const sourcesQuery = queryOptions({
  queryKey: ['sources'],
  queryFn: ({ signal }) => sources.fetchSources(signal),
  refetchInterval: ({ state: { data } }) => (data?.sources.some(({ last }) => isUnderWay(last)) ? 2_000 : 15_000),
});

/** One source with its sweeps. */
export const sourceQuery = (name: string) =>
  queryOptions({
    queryKey: ['sources', name],
    queryFn: ({ signal }) => sources.fetchSource(name, signal),
    refetchInterval: ({ state: { data } }) => (isUnderWay(data?.last) ? 1_000 : 15_000),
  });

/** Whether a sweep changes by itself. */
export function isUnderWay(sweep: Sweep | undefined): boolean {
  return sweep !== undefined && !sweep.endedAt && sweep.state !== 'waiting';
}

const auditPerPage = 50;

/** The audit log, the newest first. Somebody who may not read it is refused at once. */
export const auditQuery = (query: access.AuditQuery) =>
  infiniteQueryOptions({
    queryKey: ['audit', query],
    queryFn: ({ signal, pageParam }) =>
      access.fetchAudit({ ...query, limit: auditPerPage, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

export const auditActionsQuery = queryOptions({
  queryKey: ['audit-actions'],
  queryFn: ({ signal }) => access.fetchAuditActions(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const explainQuery = (question: access.ExplainQuestion) =>
  queryOptions({
    queryKey: ['explanation', question],
    queryFn: ({ signal }) => access.fetchExplanation(question, signal),
  });

/** What somebody may do with roles. It is asked only where the server has roles. */
export const roleAccessQuery = queryOptions({
  queryKey: ['role-access'],
  queryFn: ({ signal }) => access.fetchRoleAccess(signal),
  staleTime: 60_000,
});

export const rolesQuery = queryOptions({ queryKey: ['roles'], queryFn: ({ signal }) => access.fetchRoles(signal) });

export const roleQuery = (name: string) =>
  queryOptions({ queryKey: ['role', name], queryFn: ({ signal }) => access.fetchRole(name, signal) });

const previewedPerPage = 20;

/**
 * What changes of a version of a role would mean. It is computed anew whenever it is shown, because others change
 * roles too.
 */
export const previewQuery = (changes: readonly Partial<Proposal>[], version = '') =>
  infiniteQueryOptions({
    queryKey: ['role-preview', changes, version],
    queryFn: ({ signal, pageParam }) =>
      access.previewChanges(changes, { limit: previewedPerPage, ...(pageParam && { after: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  });

export const pluginPoliciesQuery = queryOptions({
  queryKey: ['plugin-policies'],
  queryFn: ({ signal }) => access.fetchPluginPolicies(signal),
  staleTime: 60_000,
});

export const pluginRulesQuery = queryOptions({
  queryKey: ['plugin-rules'],
  queryFn: ({ signal }) => access.fetchPluginRules(signal),
  staleTime: 60_000,
});

export const selfQuery = queryOptions({ queryKey: ['self'], queryFn: ({ signal }) => sessions.fetchSelf(signal) });

export const mySessionsQuery = queryOptions({
  queryKey: ['my-sessions'],
  queryFn: ({ signal }) => sessions.fetchMySessions(signal),
});

const sessionsPerPage = 100;

/** The sessions of everybody, the latest first. */
export const sessionsQuery = (query: Omit<sessions.SessionQuery, 'cursor' | 'limit'>) =>
  infiniteQueryOptions({
    queryKey: ['sessions', query],
    queryFn: ({ signal, pageParam }) =>
      sessions.fetchSessions({ ...query, limit: sessionsPerPage, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

/** All templates with all fields: the gallery shows them all, and a form needs the steps for its review. */
export const templatesQuery = entitiesQuery({ filter: ['kind=template'], orderField: catalog.byTitle, limit: 500 });

export const parameterSchemaQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['parameter-schema', namespace, name],
    queryFn: ({ signal }) => templates.fetchParameterSchema(namespace, name, signal),
  });

/** What is wrong with a template, or with all. */
export const templateFindingsQuery = (templateRef?: string) =>
  queryOptions({
    queryKey: ['template-findings', templateRef ?? ''],
    queryFn: ({ signal }) => templates.fetchTemplateFindings(templateRef, signal),
    staleTime: 60_000,
  });

export const actionsQuery = queryOptions({
  queryKey: ['actions'],
  queryFn: ({ signal }) => templates.fetchActions(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const taskQuery = (id: string) =>
  queryOptions({ queryKey: ['task', id], queryFn: ({ signal }) => runs.fetchTask(id, signal), staleTime: 60_000 });

export const hostsQuery = queryOptions({
  queryKey: ['hosts'],
  queryFn: ({ signal }) => templates.fetchHosts(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The values of a part of a repository's address, given the parts that contain it. */
export const choicesQuery = (host: string, part: string, place: Readonly<Record<string, string>>) =>
  queryOptions({
    queryKey: ['choices', host, part, place],
    queryFn: ({ signal }) => templates.fetchChoices(host, part, place, signal),
    staleTime: 60_000,
    retry: false,
  });

/** The branches of a repository, given by the parts of its address, whose names begin with a prefix. */
export const branchesQuery = (host: string, parts: Readonly<Record<string, string>>, prefix: string) =>
  queryOptions({
    queryKey: ['branches', host, parts, prefix],
    queryFn: ({ signal }) => templates.fetchBranches(host, parts, prefix, signal),
    staleTime: 20_000,
    retry: false,
  });

/** A request while the user types. An outdated one is cancelled. */
export const availabilityQuery = (host: string, owner: string, name: string) =>
  queryOptions({
    queryKey: ['availability', host, owner, name],
    queryFn: ({ signal }) => templates.fetchAvailability(host, owner, name, signal),
    staleTime: 20_000,
    retry: false,
  });

const livePhases: ReadonlySet<RunPhase> = new Set(['running', 'waiting', 'rollingBack']);

/** Whether a run is in progress. A parked run is not. */
export function isLive(phase: RunPhase): boolean {
  return livePhases.has(phase);
}

/**
 * How often a run is requested in addition to its event stream, which does not contain rollbacks and retries
 * by others.
 */
function runInterval(run: RunDetail | undefined): number | false {
  if (run?.phase === 'rollingBack') return 1000;
  return run && (isLive(run.phase) || run.phase === 'parked') ? 10_000 : false;
}

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id],
    queryFn: ({ signal }) => runs.fetchRun(id, signal),
    refetchInterval: (query) => runInterval(query.state.data),
  });

export const runsQuery = (query: runs.RunQuery) =>
  queryOptions({ queryKey: ['runs', query], queryFn: ({ signal }) => runs.fetchRuns(query, signal) });

export const runCausesQuery = (query: Omit<runs.RunCauseQuery, 'limit' | 'offset'>) =>
  infiniteQueryOptions({
    queryKey: ['run-causes', query],
    queryFn: ({ signal, pageParam }) => runs.fetchRunCauses({ ...query, offset: pageParam }, signal),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((sum, page) => sum + page.causes.length, 0);
      return last.causes.length > 0 && seen < last.total ? seen : undefined;
    },
    placeholderData: (previous) => previous,
    refetchInterval: 15_000,
  });

const runsPerPage = 100;

export const runPagesQuery = (query: Omit<runs.RunQuery, 'limit' | 'offset'>) =>
  infiniteQueryOptions({
    queryKey: ['run-pages', query],
    queryFn: ({ signal, pageParam }) => runs.fetchRuns({ ...query, limit: runsPerPage, offset: pageParam }, signal),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((sum, page) => sum + page.runs.length, 0);
      return last.runs.length > 0 && seen < last.total ? seen : undefined;
    },
    placeholderData: (previous) => previous,
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.runs.some((run) => isLive(run.phase))) ? 3000 : 15_000,
  });
