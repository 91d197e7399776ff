import { json, send } from './request';
import type { BrowserSessions, Self } from './types';

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

export async function endSession(id: string): Promise<void> {
  await send(`/api/portico/v1/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function endSessionsOf(user: string): Promise<void> {
  await send('/api/portico/v1/sessions', { method: 'DELETE', query: { user } });
}
