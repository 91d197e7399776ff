import { readError } from './errors';
import { learnTime, serverNow } from './server-clock';
import type { Session } from './types';

const remembered = 'portico.signIn';
const refreshAheadSeconds = 120;

/** The environment of the providers' configurations, which the sign-in page learns from the server. */
const environmentKey = 'portico.signIn.environment';

let current: Promise<Session> | undefined;
let expiresAt = 0;

/** Whether this browser has signed in before and may do so again without being asked. */
export function isRemembered(): boolean {
  return localStorage.getItem(remembered) !== null;
}

/** Remembers how this browser signs in. */
export function remember(provider: string, environment: string): void {
  localStorage.setItem(remembered, provider);
  localStorage.setItem(environmentKey, environment);
}

/** Signs in at a provider that asks nothing: the guest, or a proxy that knows the person. */
export function signIn(provider: string, environment: string): Promise<Session> {
  remember(provider, environment);
  current = undefined;
  return session();
}

/** Uses a session that a provider's window has handed over. */
export function adopt(fresh: Session, provider: string, environment: string): void {
  remember(provider, environment);
  current = Promise.resolve(fresh);
  expiresAt = expiryOf(fresh.backstageIdentity.token);
}

/**
 * Ends the session, here and on the server. It answers with the address that ends it at the provider, if there is one.
 * A server that does not answer keeps nobody signed in here.
 */
export async function signOut(): Promise<string | undefined> {
  const path = providerPath('logout');
  localStorage.removeItem(remembered);
  current = undefined;
  try {
    const response = await fetch(path, { method: 'POST', headers: fromScript });
    const body = response.ok ? await response.text() : '';
    return body ? JSON.parse(body).logoutUrl : undefined;
  } catch {
    return undefined;
  }
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

/** Pages of other origins cannot send it without asking first. */
const fromScript = { 'X-Requested-With': 'XMLHttpRequest' };

/** The address of a route of the provider that this browser signs in with. */
function providerPath(route: 'refresh' | 'logout'): string {
  const provider = localStorage.getItem(remembered) ?? 'guest';
  const query = new URLSearchParams({ env: localStorage.getItem(environmentKey) ?? 'development' });
  return `/api/auth/${encodeURIComponent(provider)}/${route}?${query}`;
}

async function requestSession(): Promise<Session> {
  const requestedAt = Date.now();
  const response = await fetch(providerPath('refresh'), { method: 'POST', headers: fromScript });
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
