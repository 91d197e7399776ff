import { type QueryClient, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { addBookmark, type BookmarkList, fetchBookmarks, removeBookmark } from '@/api/portal';

/**
 * What a person starred and saw last. The server keeps it for whoever is signed in as a person; this browser keeps a copy,
 * which is shown until the server has answered and where it keeps none.
 */

const mostRecent = 8;

/** How often what another browser changed is looked at, in milliseconds. */
const freshFor = 60_000;

const bookmarksQuery = (list: BookmarkList) =>
  queryOptions({
    queryKey: ['bookmarks', list],
    queryFn: async ({ signal }) => {
      const refs = await fetchBookmarks(list, signal);
      store(list, refs);
      return refs;
    },
    staleTime: freshFor,
    retry: false,
  });

export function useStarred(): readonly string[] {
  return useRefs('stars');
}

export function useRecent(): readonly string[] {
  return useRefs('recent').slice(0, mostRecent);
}

function useRefs(list: BookmarkList): readonly string[] {
  const copy = useSyncExternalStore(subscribe, () => copies[list]);
  const { data } = useQuery(bookmarksQuery(list));
  return data ?? copy;
}

/** Stars what is not starred, and takes the star from what is. */
export function useToggleStar(): (ref: string) => void {
  const queries = useQueryClient();
  const starred = useStarred();
  return (ref) => {
    const others = starred.filter((other) => other !== ref);
    const isStarred = others.length < starred.length;
    change(queries, 'stars', isStarred ? others : [ref, ...others], () =>
      isStarred ? removeBookmark('stars', ref) : addBookmark('stars', ref),
    );
  };
}

/** Moves an entity to the front of the recently seen ones. */
export function rememberVisit(queries: QueryClient, ref: string): void {
  const before = queries.getQueryData(bookmarksQuery('recent').queryKey) ?? copies.recent;
  const refs = [ref, ...before.filter((other) => other !== ref)].slice(0, mostRecent);
  change(queries, 'recent', refs, () => addBookmark('recent', ref));
}

/** The number of changes of a list without a response yet. */
const underWay: Record<BookmarkList, number> = { stars: 0, recent: 0 };

/**
 * Shows a list with its pending changes. After the last response, the list is read again, because the server
 * may have refused a change, and a change cancels a pending read.
 */
function change(queries: QueryClient, list: BookmarkList, refs: string[], send: () => Promise<void>): void {
  const { queryKey } = bookmarksQuery(list);
  store(list, refs);
  queries.cancelQueries({ queryKey });
  queries.setQueryData(queryKey, (before) => before && refs);
  underWay[list] += 1;
  const settle = () => {
    underWay[list] -= 1;
    if (underWay[list] === 0) queries.invalidateQueries({ queryKey });
  };
  send().then(settle, settle);
}

const listeners = new Set<() => void>();
const keys: Record<BookmarkList, string> = { stars: 'portico.starred', recent: 'portico.recent' };
/** Lists are replaced and never mutated, so that React notices changes. */
const copies: Record<BookmarkList, readonly string[]> = { stars: load('stars'), recent: load('recent') };

function load(list: BookmarkList): readonly string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(keys[list]) ?? '[]');
    return Array.isArray(stored) ? stored.filter((ref) => typeof ref === 'string') : [];
  } catch {
    return [];
  }
}

function store(list: BookmarkList, refs: readonly string[]): void {
  copies[list] = refs;
  try {
    localStorage.setItem(keys[list], JSON.stringify(refs));
  } catch {
    // Without storage, the copy lasts while the page is open.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
