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

/** Whether the search asks for a value, by a filter or by what was typed. The case of values does not matter. */
export function isChosen(search: SearchSearch, filter: SearchFilter, value: string): boolean {
  const { query = '' } = search;
  return (
    valuesOf(search, filter).some((other) => other.toLowerCase() === value.toLowerCase()) ||
    withoutCondition(query, filter, value) !== query
  );
}

/** Chooses a value, or takes it back: from the filters, and from what was typed. */
export function toggle(search: SearchSearch, filter: SearchFilter, value: string): SearchSearch {
  const { [keyOf(filter)]: before = [], query: typed, ...others } = withoutCursor(search);
  const query = typed && withoutCondition(typed, filter, value);
  const kept = before.filter((other) => other.toLowerCase() !== value.toLowerCase());
  const after = isChosen(search, filter, value) ? kept : [...before, value];
  return { ...(query && { query }), ...others, ...(after.length > 0 && { [keyOf(filter)]: after }) };
}

/** The names that a field has besides its own. */
const otherNames: Partial<Record<SearchFilter, string>> = { lang: 'language' };

/** What was typed without a condition such as kind:api. */
function withoutCondition(typed: string, filter: SearchFilter, value: string): string {
  const conditions = [filter, otherNames[filter]].map((name) => `${name}:${value}`.toLowerCase());
  const parts = typed.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  const kept = parts.filter((part) => !conditions.includes(part.replaceAll('"', '').toLowerCase()));
  return kept.length === parts.length ? typed : kept.join(' ');
}
