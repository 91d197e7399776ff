import { readError } from './errors';
import { learnTime, serverNow } from './server-clock';
import type { Session } from './types';

const remembered = 'portico.signIn';
const refreshAheadSeconds = 120;

let current: Promise<Session> | undefined;
let expiresAt = 0;

/** Whether this browser has signed in before and may do so again without being asked. */
export function isRemembered(): boolean {
  return localStorage.getItem(remembered) === 'guest';
}

export function signIn(): Promise<Session> {
  localStorage.setItem(remembered, 'guest');
  return session();
}

export function signOut(): void {
  localStorage.removeItem(remembered);
  current = undefined;
}

/** The session of the signed-in person, renewed shortly before its token ends. Concurrent callers share one request. */
export function session(): Promise<Session> {
  if (!current || serverNow() / 1000 > expiresAt - refreshAheadSeconds) renew();
  return current as Promise<Session>;
}

/** Drops a token that the server no longer accepts, so that the next call asks for another. */
export function forget(): void {
  current = undefined;
}

function renew(): void {
  expiresAt = Number.POSITIVE_INFINITY;
  current = requestSession();
  current.then(
    (fresh) => {
      expiresAt = expiryOf(fresh.backstageIdentity.token);
    },
    () => {
      current = undefined;
    },
  );
}

async function requestSession(): Promise<Session> {
  const requestedAt = Date.now();
  const response = await fetch('/api/auth/guest/refresh', {
    method: 'POST',
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  learnTime(response, requestedAt);
  if (!response.ok) throw await readError(response);
  return response.json();
}

/**
 * Seconds since 1970 at which a JWT ends. A token that says nothing is taken to last five minutes, as Backstage's
 * clients do.
 */
export function expiryOf(token: string): number {
  const payload = token.split('.')[1];
  const fallback = serverNow() / 1000 + 300;
  if (!payload) return fallback;
  try {
    const claims: { exp?: number } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    return claims.exp ?? fallback;
  } catch {
    return fallback;
  }
}
