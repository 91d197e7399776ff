import { accept, json, send } from './request';
import type { BookmarkRefs, Info, Welcome } from './types';

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
