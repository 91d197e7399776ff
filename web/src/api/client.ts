import { originLocation } from '@/entity/origin';
import { parseRef } from '@/entity/ref';
import { ApiError, readError } from './errors';
import { learnTime } from './server-clock';
import { forget, session } from './session';
import type {
  Action,
  Ancestry,
  AuditActions,
  AuditPage,
  Availability,
  BookmarkRefs,
  BrowserSessions,
  CatalogHealth,
  CatalogModel,
  ConflictList,
  Decisions,
  DocsBuildWithLog,
  DocsIndex,
  DocsMetadata,
  DocsSite,
  Entity,
  EntityExplanation,
  EntityHistory,
  EntityPage,
  Explanation,
  FacetCounts,
  Facets,
  FindingList,
  Found,
  HostList,
  Info,
  Inspection,
  JobList,
  JsonObject,
  KubernetesObjects,
  LocationTrial,
  ParameterSchema,
  PartChoices,
  PluginPolicies,
  PluginRules,
  Preview,
  Proposal,
  RegisteredLocation,
  RepositoryBranches,
  RepositoryHost,
  RoleAccess,
  RoleDraft,
  RoleList,
  RunCausePage,
  RunDetail,
  RunID,
  RunPage,
  SearchAnswer,
  SearchFacet,
  SearchSource,
  Self,
  SourceList,
  SourceWithSweeps,
  Task,
  TemplateFindings,
  UnprocessedEntities,
  Welcome,
  WholeRole,
} from './types';

type Query = Record<string, unknown>;

interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Query;
  body?: unknown;
  /** The Idempotency-Key: a repeated request with the same key gets the response of the first. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
  /** The version that the caller has read: another one is not changed. */
  ifMatch?: string;
  signal?: AbortSignal;
}

/** Sends one authenticated request. A rejected token is renewed once; every other failure is an ApiError. */
export async function send(path: string, call: Call = {}): Promise<Response> {
  const first = await attempt(path, call);
  if (first.status !== 401) return accept(first);
  forget();
  return accept(await attempt(path, call));
}

async function attempt(path: string, call: Call): Promise<Response> {
  const { method = 'GET', query, body, idempotencyKey, headers, ifMatch, signal } = call;
  const { token } = (await session()).backstageIdentity;
  const requestedAt = Date.now();
  const response = await fetch(`${path}${queryString(query)}`, {
    method,
    headers: {
      ...headers,
      Authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
      ...(ifMatch && { 'If-Match': `"${ifMatch}"` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  learnTime(response, requestedAt);
  return response;
}

async function accept(response: Response): Promise<Response> {
  if (!response.ok) throw await readError(response);
  return response;
}

/** Keys of commands without a response yet, by their request. */
const unanswered = new Map<string, string>();

/**
 * Sends a command, and reads the whole response. Until there is a response, the same command has the same
 * key, so a repetition after a network failure, or a second click, does not execute it twice. After the
 * response, the same request is a new command. A status of 500 or more is no response: it is unknown whether
 * the command was executed, and the server does not store such a response. The generation distinguishes
 * commands with equal bodies.
 */
async function command(path: string, body?: unknown, generation?: number): Promise<string> {
  const wanted = JSON.stringify([path, body, generation]);
  const idempotencyKey = unanswered.get(wanted) ?? randomKey();
  unanswered.set(wanted, idempotencyKey);
  try {
    const answer = await (await send(path, { method: 'POST', body, idempotencyKey })).text();
    unanswered.delete(wanted);
    return answer;
  } catch (error) {
    if (error instanceof ApiError && !error.comeBack && error.status < 500) unanswered.delete(wanted);
    throw error;
  }
}

/** Not crypto.randomUUID, which browsers offer on https only. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function json<T>(path: string, call?: Call): Promise<T> {
  return (await send(path, call)).json();
}

/**
 * Leaves out undefined and empty values (Backstage answers 400 to an empty value), and repeats a key for each
 * item of a list.
 */
export function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== '') parameters.append(key, String(item));
    }
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** The information for unauthenticated visitors; the sign-in page requests it without a token. */
export async function fetchWelcome(signal?: AbortSignal): Promise<Welcome> {
  const response = await fetch('/api/portico/v1/sign-in', signal ? { signal } : {});
  return (await accept(response)).json();
}

export function fetchInfo(signal?: AbortSignal): Promise<Info> {
  return json('/api/portico/v1/info', signal ? { signal } : {});
}

/** Checks that the user may see Temporal's Web UI, and gives the browser a cookie with which it loads it. */
export async function enterTemporal(signal?: AbortSignal): Promise<null> {
  const call = signal ? { signal } : {};
  await send('/api/temporal/ui/api/v1/settings', call);
  await send('/api/temporal/.backstage/auth/v1/cookie', call);
  return null;
}

export interface EntityQuery {
  /** Sets of conditions in Backstage's form, OR-ed: `kind=component,spec.type=service`. */
  filter?: readonly string[];
  text?: string;
  textFields?: readonly string[];
  orderField?: string;
  fields?: readonly string[];
  limit?: number;
  cursor?: string;
  /** How many entities are before the page; for pages that are not read one after the other. */
  offset?: number;
  /** Whether the answer has the number of all entities: counting them takes longer than a page of them. */
  totalItems?: 'include' | 'exclude';
}

/** The order in which people read: by title, else display name, else name. */
export const byTitle = 'portico:title,asc';
export const byTitleDescending = 'portico:title,desc';

export const searchedFields = [
  'metadata.name',
  'metadata.title',
  'metadata.description',
  'spec.profile.displayName',
] as const;

export function queryEntities(query: EntityQuery, signal?: AbortSignal): Promise<EntityPage> {
  const { cursor, limit, offset, totalItems, fields } = query;
  const fieldList = fields?.join(',');
  const first = {
    filter: query.filter,
    orderField: query.orderField,
    offset,
    totalItems,
    ...fullText(query.text, query.textFields),
  };
  return json('/api/catalog/entities/by-query', {
    query: { limit, fields: fieldList, ...(cursor ? { cursor } : first) },
    ...(signal && { signal }),
  });
}

export interface SearchQuery {
  /** What a person typed: words, "phrases" and conditions such as kind:component. */
  q: string;
  types?: readonly string[];
  limit?: number;
  offset?: number;
}

/** Searches everything that the person may see, by type. */
export function searchEverything(
  { q, types, limit, offset }: SearchQuery,
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  return json('/api/portico/v1/search', {
    query: { q, types: types?.join(','), limit, offset },
    ...(signal && { signal }),
  });
}

/** What a search can be narrowed by, with the number of results for each choice. */
export async function fetchSearchFacets(
  q: string,
  types: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<SearchFacet[]> {
  const { facets } = await json<{ facets: SearchFacet[] }>('/api/portico/v1/search/facets', {
    query: { q: q || undefined, types: types?.join(',') },
    ...(signal && { signal }),
  });
  return facets;
}

/** The sources of the search that the person may read. */
export async function fetchSearchSources(signal?: AbortSignal): Promise<SearchSource[]> {
  const { sources } = await json<{ sources: SearchSource[] }>('/api/portico/v1/search/sources', signal && { signal });
  return sources;
}

/** The HTML of a page of documentation, as the server has it. */
export async function fetchDocsPage(address: string, signal?: AbortSignal): Promise<string> {
  return (await send(address, signal && { signal })).text();
}

/** What is known of a site: its name, and when and of what it was built. */
export function fetchDocsMetadata(site: string, signal?: AbortSignal): Promise<DocsMetadata> {
  return json(`/api/techdocs/metadata/techdocs/${site}`, signal && { signal });
}

/** The index of a site's own search. */
export function fetchDocsIndex(address: string, signal?: AbortSignal): Promise<DocsIndex> {
  return json(address, signal && { signal });
}

/** Has the browser get a cookie with which it loads the pictures of documentation. It answers until when that holds. */
export async function allowDocsFiles(signal?: AbortSignal): Promise<string> {
  const answer = await json<{ expiresAt: string }>('/api/techdocs/.backstage/auth/v1/cookie', signal && { signal });
  return answer.expiresAt;
}

function docsSitePath(entityRef: string): string {
  return `/api/portico/v1/techdocs/sites/${namePath(entityRef)}`;
}

/** The site of an entity with its builds, the latest first. */
export function fetchDocsSite(entityRef: string, signal?: AbortSignal): Promise<DocsSite> {
  return json(docsSitePath(entityRef), signal && { signal });
}

/** Builds the site of an entity, also if nothing has changed. */
export async function buildDocs(entityRef: string): Promise<void> {
  await command(`${docsSitePath(entityRef)}/build`, { force: true });
}

/** A build of a site with its log. */
export function fetchDocsBuild(id: string, signal?: AbortSignal): Promise<DocsBuildWithLog> {
  return json(`/api/portico/v1/techdocs/builds/${encodeURIComponent(id)}`, signal && { signal });
}

/** Asks for a new build of a site if its source has changed, and reads what becomes of it. */
export async function syncDocs(site: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
  return (await send(`/api/techdocs/sync/${site}`, { headers: { Accept: 'text/event-stream' }, signal })).body;
}

export type ExportFormat = 'csv' | 'json';

/**
 * Has the browser store all entities of a query as a file. The browser loads it by itself, with a cookie, so that
 * the page does not hold a catalog of any size in memory.
 */
export async function exportEntities(format: ExportFormat, query: EntityQuery): Promise<void> {
  await send('/api/catalog/.backstage/auth/v1/cookie');
  const link = document.createElement('a');
  link.href = `/api/catalog/entities/export${queryString({
    format,
    filter: query.filter,
    orderField: query.orderField,
    fields: query.fields?.join(','),
    ...fullText(query.text, query.textFields),
  })}`;
  link.download = '';
  link.click();
}

function fullText(text: string | undefined, fields: readonly string[] = searchedFields): Query {
  return text ? { fullTextFilterTerm: text, fullTextFilterFields: fields.join(',') } : {};
}

/** Entities by their references, null for each missing one. */
export async function entitiesByRefs(
  entityRefs: readonly string[],
  fields: readonly string[],
): Promise<(Entity | null)[]> {
  const body = { entityRefs, fields };
  const answer = await json<{ items: (Entity | null)[] }>('/api/catalog/entities/by-refs', { method: 'POST', body });
  return answer.items;
}

export function fetchEntity(kind: string, namespace: string, name: string, signal?: AbortSignal): Promise<Entity> {
  const path = [kind, namespace, name].map(encodeURIComponent).join('/');
  return json(`/api/catalog/entities/by-name/${path}`, signal && { signal });
}

/** The path of an entity by its reference: kind/namespace/name. */
function namePath(entityRef: string): string {
  const { kind, namespace, name } = parseRef(entityRef);
  return [kind, namespace, name].map(encodeURIComponent).join('/');
}

function ofEntity(entityRef: string, what: string): string {
  return `/api/portico/v1/entities/by-name/${namePath(entityRef)}/${what}`;
}

/** What a system says about an entity: one of the routes below the entity's own. */
export function fetchOfEntity<Item>(what: string, entityRef: string, signal?: AbortSignal): Promise<Found<Item>> {
  return json(ofEntity(entityRef, what), signal && { signal });
}

/** The jobs of a build, in their order. */
export function fetchJobs(entityRef: string, id: string, signal?: AbortSignal): Promise<JobList> {
  return json(ofEntity(entityRef, `builds/${encodeURIComponent(id)}/jobs`), signal && { signal });
}

/** Runs a build again. */
export async function rerunBuild(entityRef: string, id: string): Promise<void> {
  await command(ofEntity(entityRef, `builds/${encodeURIComponent(id)}/rerun`));
}

/** The objects of an entity in the clusters of Kubernetes where it has any. */
export function fetchKubernetesObjects(entityRef: string, signal?: AbortSignal): Promise<KubernetesObjects> {
  return json('/api/kubernetes/resources/workloads/query', {
    method: 'POST',
    body: { entityRef, auth: {} },
    ...(signal && { signal }),
  });
}

/** A container of a pod. */
export interface ContainerPlace {
  cluster: string;
  namespace: string;
  pod: string;
  container: string;
}

/** The end of a container's log: of the one that runs, or of the one before its last restart. */
export async function fetchContainerLog(
  { cluster, namespace, pod, container }: ContainerPlace,
  { tailLines, previous }: { tailLines: number; previous: boolean },
  signal?: AbortSignal,
): Promise<string> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`;
  const answer = await send(`/api/kubernetes/proxy${path}`, {
    query: { container, tailLines, previous: previous || undefined },
    headers: { 'Backstage-Kubernetes-Cluster': cluster },
    ...(signal && { signal }),
  });
  return answer.text();
}

/** An entity, and the locations above it through which the catalog found it. */
export function fetchAncestry(entityRef: string, signal?: AbortSignal): Promise<Ancestry> {
  return json(`/api/catalog/entities/by-name/${namePath(entityRef)}/ancestry`, signal && { signal });
}

export function fetchHistory(entityRef: string, cursor: string, signal?: AbortSignal): Promise<EntityHistory> {
  const query = cursor ? { cursor } : {};
  return json(`/api/catalog/entities/by-name/${namePath(entityRef)}/history`, { query, ...(signal && { signal }) });
}

export function fetchEntityExplanation(entityRef: string, signal?: AbortSignal): Promise<EntityExplanation> {
  return json(`/api/portico/v1/entities/by-name/${namePath(entityRef)}/explain`, signal && { signal });
}

/** Gives an entity that two locations claim to the other one, which is read next. */
export async function resolveConflict(entityRef: string, claimant: string): Promise<void> {
  await command('/api/portico/v1/catalog/conflicts/resolve', { entityRef, claimant });
}

export function fetchCatalogHealth(signal?: AbortSignal): Promise<CatalogHealth> {
  return json('/api/catalog/health', signal && { signal });
}

export function fetchConflicts(cursor: string, signal?: AbortSignal): Promise<ConflictList> {
  const query = cursor ? { cursor } : {};
  return json('/api/catalog/health/conflicts', { query, ...(signal && { signal }) });
}

export function fetchFindings(finding: string, after: string, signal?: AbortSignal): Promise<FindingList> {
  const query = after ? { after } : {};
  return json(`/api/catalog/health/entities/${finding}`, { query, ...(signal && { signal }) });
}

/** Asks the catalog to read an entity, and the locations above it, again. The answer comes before that is done. */
export async function refreshEntity(entityRef: string): Promise<void> {
  await command('/api/catalog/refresh', { entityRef });
}

export async function deleteEntity(uid: string): Promise<void> {
  await send(`/api/catalog/entities/by-uid/${encodeURIComponent(uid)}`, { method: 'DELETE' });
}

/** The registered location from which an entity comes. There is none for an entity of the configuration. */
export async function fetchLocationOf(entityRef: string): Promise<RegisteredLocation | undefined> {
  try {
    return await json(`/api/catalog/locations/by-entity/${namePath(entityRef)}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

export async function deleteLocation(id: string): Promise<void> {
  await send(`/api/catalog/locations/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/**
 * The entities that come from a location, such as url:https://…. The location is not put into a filter, because a comma
 * separates its conditions.
 */
export function entitiesOfOrigin(origin: string, limit: number): Promise<EntityPage> {
  const body = {
    query: { [`metadata.annotations.${originLocation}`]: origin },
    fields: ['kind', 'metadata.name', 'metadata.namespace', 'metadata.title', 'spec.profile', 'relations'],
    orderBy: [{ field: 'portico:title', order: 'asc' }],
    limit,
  };
  return json('/api/catalog/entities/by-query', { method: 'POST', body });
}

export async function fetchFacets(
  facets: readonly string[],
  filter: readonly string[],
  text: string,
  signal?: AbortSignal,
): Promise<Facets> {
  const answer = await json<FacetCounts>('/api/catalog/entity-facets', {
    query: { facet: facets, filter, ...fullText(text) },
    ...(signal && { signal }),
  });
  return answer.facets;
}

/** How many entities of each kind somebody owns. The owners are not put into the address: there may be hundreds. */
export async function countOwned(owners: readonly string[], signal?: AbortSignal): Promise<Record<string, number>> {
  const body = { facets: ['kind'], query: { 'relations.ownedBy': { $in: owners } } };
  const answer = await json<FacetCounts>('/api/catalog/entity-facets', {
    method: 'POST',
    body,
    ...(signal && { signal }),
  });
  return Object.fromEntries((answer.facets.kind ?? []).map(({ value, count }) => [value.toLowerCase(), count]));
}

export interface AuditQuery {
  who?: string;
  action?: string;
  resource?: string;
  outcome?: string;
  since?: string;
  until?: string;
  cursor?: string;
  limit?: number;
}

export function fetchAudit(query: AuditQuery, signal?: AbortSignal): Promise<AuditPage> {
  return json('/api/portico/v1/audit', { query: { ...query }, ...(signal && { signal }) });
}

export function fetchAuditActions(signal?: AbortSignal): Promise<AuditActions> {
  return json('/api/portico/v1/audit/actions', signal && { signal });
}

export interface ExplainQuestion {
  user?: string;
  permission: string;
  resource?: string;
}

export function fetchExplanation(question: ExplainQuestion, signal?: AbortSignal): Promise<Explanation> {
  return json('/api/portico/v1/policy/explain', { query: { ...question }, ...(signal && { signal }) });
}

/** A permission, and the resource that it is needed for if it is one on resources. */
export interface NeededPermission {
  permission: string;
  resource?: string;
}

/** Whether the caller has each of some permissions. */
export async function authorize(needed: readonly NeededPermission[]): Promise<boolean[]> {
  const items = needed.map(({ permission, resource }, index) => ({
    id: String(index),
    permission: { type: resource === undefined ? 'basic' : 'resource', name: permission, attributes: {} },
    ...(resource !== undefined && { resourceRef: resource }),
  }));
  const answer = await json<Decisions>('/api/permission/authorize', { method: 'POST', body: { items } });
  return answer.items.map(({ result }) => result === 'ALLOW');
}

export function fetchRoleAccess(signal?: AbortSignal): Promise<RoleAccess> {
  return json('/api/portico/v1/policy/access', signal && { signal });
}

export async function fetchRoles(signal?: AbortSignal): Promise<RoleList['roles']> {
  const answer = await json<RoleList>('/api/portico/v1/policy/roles', signal && { signal });
  return answer.roles;
}

/** The path of a role by its name without role:, such as default/developers. */
function rolePath(name: string): string {
  return `/api/portico/v1/policy/roles/${name.split('/').map(encodeURIComponent).join('/')}`;
}

export function fetchRole(name: string, signal?: AbortSignal): Promise<WholeRole> {
  return json(rolePath(name), signal && { signal });
}

/** Creates a role, or changes the version of it that the draft names. The draft may have another name for it. */
export async function saveRole(name: string, draft: RoleDraft): Promise<void> {
  await send(rolePath(name), { method: 'PUT', body: draft });
}

/** Deletes the version of a role that was read. */
export async function deleteRole(name: string, version: string): Promise<void> {
  const path = `/api/permission/roles/role/${name.split('/').map(encodeURIComponent).join('/')}`;
  await send(path, { method: 'DELETE', ifMatch: version });
}

/** What changes of roles would mean for people. The changes are not made. */
export function previewChanges(
  changes: readonly Partial<Proposal>[],
  query: { limit: number; after?: string },
  signal?: AbortSignal,
): Promise<Preview> {
  return json('/api/portico/v1/policy/preview', {
    method: 'POST',
    query,
    body: { changes },
    ...(signal && { signal }),
  });
}

/** The permissions of plugins, as policies name them. */
export function fetchPluginPolicies(signal?: AbortSignal): Promise<PluginPolicies[]> {
  return json('/api/permission/plugins/policies', signal && { signal });
}

/** The rules of conditions on the resources of plugins. */
export function fetchPluginRules(signal?: AbortSignal): Promise<PluginRules[]> {
  return json('/api/permission/plugins/condition-rules', signal && { signal });
}

export function fetchSelf(signal?: AbortSignal): Promise<Self> {
  return json('/api/portico/v1/me', signal && { signal });
}

/** The sessions of the signed-in person. */
export function fetchMySessions(signal?: AbortSignal): Promise<BrowserSessions> {
  return json('/api/portico/v1/me/sessions', signal && { signal });
}

export async function endMySession(id: string): Promise<void> {
  await send(`/api/portico/v1/me/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function endMyOtherSessions(): Promise<void> {
  await send('/api/portico/v1/me/sessions', { method: 'DELETE' });
}

export interface SessionQuery {
  user?: string;
  cursor?: string;
  limit?: number;
}

/** The sessions of everybody, for administrators. */
export function fetchSessions(query: SessionQuery, signal?: AbortSignal): Promise<BrowserSessions> {
  return json('/api/portico/v1/sessions', { query: { ...query }, ...(signal && { signal }) });
}

/** What a repository has for the catalog, and a draft for what it lacks. */
export const inspectRepository = (target: string) =>
  json<Inspection>('/api/portico/v1/catalog/inspect', { method: 'POST', body: { target } });

/** What a location would bring into the catalog. Nothing is stored. */
export const tryLocation = (target: string) =>
  json<LocationTrial>('/api/catalog/locations?dryRun=true', { method: 'POST', body: { type: 'url', target } });

export async function registerLocation(target: string): Promise<LocationTrial> {
  return JSON.parse(await command('/api/catalog/locations', { type: 'url', target }));
}

/** What the catalog would say of an entity, as if it had read it from a location. Nothing is stored. */
export async function validateEntity(entity: unknown, location: string): Promise<string[]> {
  const response = await attempt('/api/catalog/validate-entity', { method: 'POST', body: { entity, location } });
  if (response.status === 400) {
    const { errors } = (await response.clone().json()) as { errors?: { message: string }[] };
    if (errors) return errors.map(({ message }) => message);
  }
  await accept(response);
  return [];
}

export const fetchModel = (signal: AbortSignal) => json<CatalogModel>('/api/portico/v1/catalog/model', { signal });

export const fetchSources = (signal: AbortSignal) => json<SourceList>('/api/portico/v1/catalog/sources', { signal });

const sourcePath = (name: string) => `/api/portico/v1/catalog/sources/${encodeURIComponent(name)}`;

/** A source with its latest sweeps, the latest first. */
export const fetchSource = (name: string, signal: AbortSignal) => json<SourceWithSweeps>(sourcePath(name), { signal });

export async function commandSource(name: string, what: 'sweep' | 'pause' | 'resume'): Promise<void> {
  await command(`${sourcePath(name)}/${what}`);
}

export async function decideSweep(id: string, decision: 'approve' | 'drop' | 'cancel'): Promise<void> {
  await command(`/api/portico/v1/catalog/sweeps/${encodeURIComponent(id)}/${decision}`);
}

export async function endSession(id: string): Promise<void> {
  await send(`/api/portico/v1/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function endSessionsOf(user: string): Promise<void> {
  await send('/api/portico/v1/sessions', { method: 'DELETE', query: { user } });
}

export type UnprocessedList = 'failed' | 'pending';

export function fetchUnprocessed(
  of: UnprocessedList,
  query: { limit: number; after?: string },
  signal?: AbortSignal,
): Promise<UnprocessedEntities> {
  return json(`/api/catalog/entities/unprocessed/${of}`, { query, ...(signal && { signal }) });
}

export function fetchParameterSchema(namespace: string, name: string, signal?: AbortSignal): Promise<ParameterSchema> {
  const path = `${encodeURIComponent(namespace)}/template/${encodeURIComponent(name)}`;
  return json(`/api/scaffolder/v2/templates/${path}/parameter-schema`, signal && { signal });
}

export function fetchTemplateFindings(
  templateRef: string | undefined,
  signal?: AbortSignal,
): Promise<TemplateFindings> {
  return json('/api/portico/v1/template-findings', { query: { template: templateRef }, ...(signal && { signal }) });
}

export function fetchActions(signal?: AbortSignal): Promise<Action[]> {
  return json('/api/scaffolder/v2/actions', signal && { signal });
}

export async function createTask(
  templateRef: string,
  values: JsonObject,
  secrets: Record<string, string>,
): Promise<RunID> {
  return JSON.parse(await command('/api/scaffolder/v2/tasks', { templateRef, values, secrets }));
}

export function fetchTask(id: string, signal?: AbortSignal): Promise<Task> {
  return json(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}`, signal && { signal });
}

/** The stored bookmarks of the signed-in user. */
export type BookmarkList = 'stars' | 'recent';

/** References of entities, the latest first. */
export async function fetchBookmarks(list: BookmarkList, signal?: AbortSignal): Promise<string[]> {
  const answer = await json<BookmarkRefs>(`/api/portico/v1/me/${list}`, signal && { signal });
  return answer.entityRefs;
}

/** Moves an entity to the front of a list. */
export async function addBookmark(list: BookmarkList, entityRef: string): Promise<void> {
  await send(`/api/portico/v1/me/${list}`, { method: 'PUT', body: { entityRef } });
}

export async function removeBookmark(list: BookmarkList, entityRef: string): Promise<void> {
  await send(`/api/portico/v1/me/${list}`, { method: 'DELETE', query: { entityRef } });
}

/** The hosts on which repositories can be created. */
export async function fetchHosts(signal?: AbortSignal): Promise<RepositoryHost[]> {
  const answer = await json<HostList>('/api/portico/v1/hosts', signal && { signal });
  return answer.hosts;
}

/** The values of a part of a repository's address, given the parts that contain it. */
export function fetchChoices(
  host: string,
  part: string,
  place: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<PartChoices> {
  const path = [host, 'parts', part].map(encodeURIComponent).join('/');
  return json(`/api/portico/v1/hosts/${path}`, { query: place, ...(signal && { signal }) });
}

/** The branches of a repository whose names begin with a prefix. */
export function fetchBranches(
  host: string,
  parts: Readonly<Record<string, string>>,
  prefix: string,
  signal?: AbortSignal,
): Promise<RepositoryBranches> {
  const query = { ...parts, prefix };
  return json(`/api/portico/v1/hosts/${encodeURIComponent(host)}/branches`, { query, ...(signal && { signal }) });
}

/** Whether a repository can be created under a name. */
export function fetchAvailability(
  host: string,
  owner: string,
  name: string,
  signal?: AbortSignal,
): Promise<Availability> {
  const path = [owner, name].map(encodeURIComponent).join('/');
  return json(`/api/portico/v1/hosts/${encodeURIComponent(host)}/repositories/${path}`, signal && { signal });
}

export interface RunQuery {
  /** How the id begins. */
  id?: string;
  status?: string;
  phase?: string;
  template?: string;
  createdBy?: string;
  cause?: string;
  limit?: number;
  offset?: number;
}

export function fetchRuns(query: RunQuery, signal?: AbortSignal): Promise<RunPage> {
  return json('/api/portico/v1/runs', { query: { ...query }, ...(signal && { signal }) });
}

export type RunCauseQuery = Pick<RunQuery, 'template' | 'createdBy' | 'limit' | 'offset'>;

export function fetchRunCauses(query: RunCauseQuery, signal?: AbortSignal): Promise<RunCausePage> {
  return json('/api/portico/v1/run-causes', { query: { ...query }, ...(signal && { signal }) });
}

export function fetchRun(id: string, signal?: AbortSignal): Promise<RunDetail> {
  return json(`/api/portico/v1/runs/${encodeURIComponent(id)}`, signal && { signal });
}

export async function retryRun(id: string, generation: number): Promise<void> {
  await command(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/retry`, { generation });
}

/** The generation is part of the command: cancelling the run after a retry is another command. */
export async function cancelRun(id: string, generation: number): Promise<void> {
  await command(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/cancel`, undefined, generation);
}

export async function rollBackRun(id: string, generation: number): Promise<void> {
  await command(`/api/portico/v1/runs/${encodeURIComponent(id)}/rollback`, { generation });
}

export function openEventStream(id: string, after: number | undefined, signal: AbortSignal): Promise<Response> {
  return send(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/eventstream`, { query: { after }, signal });
}
