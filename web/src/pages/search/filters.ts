import { type SearchFilter, type SearchSearch, searchFilters } from '@/search-params';

const keyOf = (filter: SearchFilter) => `filters[${filter}][]` as const;

export function valuesOf(search: SearchSearch, filter: SearchFilter): readonly string[] {
  return search[keyOf(filter)] ?? [];
}

/** What is asked for: what was typed, and the filters as conditions. Values of one field are alternatives. */
export function questionOf(search: SearchSearch, term: string): string {
  const conditions = searchFilters.flatMap((filter) =>
    valuesOf(search, filter).map((value) => `${filter}:${/\s/.test(value) ? `"${value}"` : value}`),
  );
  return [term, ...conditions].filter(Boolean).join(' ');
}

/** The position of the first result on a page. A cursor is the number of the page, as in Backstage. */
export function offsetOf(cursor: string | undefined, perPage: number): number {
  try {
    const page = Number(atob(cursor ?? ''));
    return Number.isInteger(page) && page > 0 ? page * perPage : 0;
  } catch {
    return 0;
  }
}

export function cursorOf(page: number): string {
  return btoa(String(page));
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
