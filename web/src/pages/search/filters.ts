import { type SearchFilter, type SearchSearch, searchFilters } from '@/search-params';

const keyOf = (filter: SearchFilter) => `filters[${filter}][]` as const;

export function valuesOf(search: SearchSearch, filter: SearchFilter): readonly string[] {
  return search[keyOf(filter)] ?? [];
}

/** The filters of the request. */
export function filtersOf(search: SearchSearch): Record<string, readonly string[]> {
  return Object.fromEntries(
    searchFilters.flatMap((filter) => {
      const values = valuesOf(search, filter);
      return values.length > 0 ? [[filter, values]] : [];
    }),
  );
}

/** Another search begins at its first page. */
export function withoutCursor({ pageCursor: _, ...search }: SearchSearch): SearchSearch {
  return search;
}

export function toggle(search: SearchSearch, filter: SearchFilter, value: string): SearchSearch {
  const { [keyOf(filter)]: before = [], ...others } = withoutCursor(search);
  const after = before.includes(value) ? before.filter((other) => other !== value) : [...before, value];
  return after.length > 0 ? { ...others, [keyOf(filter)]: after } : others;
}
