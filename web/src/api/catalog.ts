import { originLocation } from '@/entity/origin';
import { parseRef } from '@/entity/ref';
import { ApiError } from './errors';
import { accept, attempt, command, json, type Query, queryString, send } from './request';
import type {
  Ancestry,
  CatalogHealth,
  CatalogModel,
  ConflictList,
  Entity,
  EntityExplanation,
  EntityHistory,
  EntityPage,
  FacetCounts,
  Facets,
  FindingList,
  Inspection,
  LocationTrial,
  RegisteredLocation,
  UnprocessedEntities,
} from './types';

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
export function namePath(entityRef: string): string {
  const { kind, namespace, name } = parseRef(entityRef);
  return [kind, namespace, name].map(encodeURIComponent).join('/');
}

export function ofEntity(entityRef: string, what: string): string {
  return `/api/portico/v1/entities/by-name/${namePath(entityRef)}/${what}`;
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

export type UnprocessedList = 'failed' | 'pending';

export function fetchUnprocessed(
  of: UnprocessedList,
  query: { limit: number; after?: string },
  signal?: AbortSignal,
): Promise<UnprocessedEntities> {
  return json(`/api/catalog/entities/unprocessed/${of}`, { query, ...(signal && { signal }) });
}
