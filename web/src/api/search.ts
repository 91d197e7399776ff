import { json } from './request';
import type { SearchAnswer, SearchFacet, SearchSource } from './types';

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
