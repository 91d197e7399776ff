import { readError } from './errors';
import { learnTime, serverNow } from './server-clock';
import type { Session } from './types';

const remembered = 'portico.signIn';
const refreshAheadSeconds = 120;
/** How long a sign-out waits for the server, in milliseconds. */
const signOutDeadline = 15_000;

/** The environment of the providers' configurations, from the server's sign-in response. */
const environmentKey = 'portico.signIn.environment';

let current: Promise<Session> | undefined;
let expiresAt = 0;

/** Whether this browser has signed in before, so that it can do so again without a question. */
export function isRemembered(): boolean {
  return localStorage.getItem(remembered) !== null;
}

/** Remembers how this browser signs in. */
export function remember(provider: string, environment: string): void {
  localStorage.setItem(remembered, provider);
  localStorage.setItem(environmentKey, environment);
}

/** Signs in with a provider without its own page: the guest, or a proxy that authenticates the user. */
export function signIn(provider: string, environment: string): Promise<Session> {
  remember(provider, environment);
  current = undefined;
  return session();
}

/** Uses a session from a provider's window. */
export function adopt(fresh: Session, provider: string, environment: string): void {
  remember(provider, environment);
  current = Promise.resolve(fresh);
  expiresAt = expiryOf(fresh.backstageIdentity.token);
}

/**
 * Ends the session on the server, and then forgets it in the browser. It returns the URL that ends the session
 * at the provider, if there is one. It throws when the server does not confirm the end. The cookie, which no
 * script can delete, may then still be valid, so the browser remembers the provider for another attempt.
 */
export async function signOut(): Promise<string | undefined> {
  forget();
  const response = await fetch(providerPath('logout'), {
    method: 'POST',
    headers: fromScript,
    signal: AbortSignal.timeout(signOutDeadline),
  });
  if (!response.ok) throw await readError(response);
  const body = await response.text();
  const elsewhere: string | undefined = body ? JSON.parse(body).logoutUrl : undefined;
  localStorage.removeItem(remembered);
  return elsewhere;
}

/** The session of the signed-in person, renewed shortly before its token ends. Concurrent callers share one request. */
export function session(): Promise<Session> {
  if (!current || serverNow() / 1000 > expiresAt - refreshAheadSeconds) renew();
  return current as Promise<Session>;
}

/** Drops the token, so that the next call asks for another. */
export function forget(): void {
  current = undefined;
}

function renew(): void {
  expiresAt = Number.POSITIVE_INFINITY;
  const mine = requestSession();
  current = mine;
  // Another session can replace this one before the response. The response must not change that session.
  mine.then(
    (fresh) => {
      if (current === mine) expiresAt = expiryOf(fresh.backstageIdentity.token);
    },
    () => {
      if (current === mine) current = undefined;
    },
  );
}

/** A header that pages of other origins cannot send without a preflight. */
const fromScript = { 'X-Requested-With': 'XMLHttpRequest' };

/** The path of a route of the provider that this browser uses. */
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
 * The expiry of a JWT, in seconds since 1970. Without one, it is in five minutes, as in Backstage's clients.
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
