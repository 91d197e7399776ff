import type { JsonObject } from '@/api/types';

/**
 * Converts a picker's `catalogFilter` (one set of conditions or several, each `path: value | [values] |
 * {exists: true}`) to Backstage's filter parameters. Without one, the deprecated `allowedKinds` or the
 * picker's own kinds are used.
 */
export function filterParameters(options: JsonObject, defaultKinds: readonly string[] = []): string[] {
  const { catalogFilter, allowedKinds } = options;
  if (Array.isArray(catalogFilter)) return catalogFilter.map(setOf).filter(Boolean);
  if (typeof catalogFilter === 'object' && catalogFilter !== null) return [setOf(catalogFilter)].filter(Boolean);
  const kinds = Array.isArray(allowedKinds) ? allowedKinds : defaultKinds;
  return kinds.length > 0 ? [kinds.map((kind) => `kind=${kind}`).join(',')] : [];
}

function setOf(conditions: object): string {
  return Object.entries(conditions)
    .flatMap(([path, wanted]) => {
      if (Array.isArray(wanted)) return wanted.map((value) => `${path}=${value}`);
      if (typeof wanted === 'object' && wanted !== null) return 'exists' in wanted && wanted.exists ? [path] : [];
      return [`${path}=${wanted}`];
    })
    .join(',');
}

/** The only kind that matches a filter; undefined when several or all kinds match. */
export function onlyKind(filter: readonly string[]): string | undefined {
  const kinds = filter.map((set) => [...set.matchAll(/(?:^|,)kind=([^,]+)/gi)].map(([, kind]) => kind?.toLowerCase()));
  const [kind, ...others] = new Set(kinds.flat());
  return others.length === 0 && kinds.every((set) => set.length > 0) ? kind : undefined;
}

/** Adds conditions to every set; a filter without sets becomes one. */
export function narrow(filter: readonly string[], conditions: readonly string[]): string[] {
  if (conditions.length === 0) return [...filter];
  const added = conditions.join(',');
  return filter.length > 0 ? filter.map((set) => `${set},${added}`) : [added];
}
