import { type CatalogSearch, type FacetKey, facets } from '@/search-params';

/**
 * Backstage's filter for the search parameters: values of one facet are alternatives, and all facets must
 * match. Without a kind, locations and templates are left out by naming the other kinds. `except` leaves one
 * facet out, to count its own values.
 */
export function filterOf(search: CatalogSearch, kinds: readonly string[], except?: FacetKey): string[] {
  const kind = search.kind ? [`kind=${search.kind}`] : kinds.map((name) => `kind=${name}`);
  const chosen = facets
    .filter(({ key }) => key !== except)
    .flatMap(({ key, path }) => (search[key] ?? []).map((value) => `${path}=${value}`));
  const set = [...kind, ...chosen].join(',');
  return set ? [set] : [];
}

/** The search parameters after a facet's value was switched on or off. */
export function toggleFacet(search: CatalogSearch, key: FacetKey, value: string): CatalogSearch {
  const { [key]: before = [], ...rest } = search;
  const after = before.includes(value) ? before.filter((other) => other !== value) : [...before, value];
  return after.length > 0 ? { ...rest, [key]: after } : rest;
}
