import { ApiError } from './errors';
import { adopt, remember } from './session';
import type { Session } from './types';

/** How often a closed window is looked for: browsers tell nobody when one closes. */
const lookInterval = 250;

interface Outcome {
  type: 'authorization_response';
  response?: Session;
  error?: { name: string; message: string };
}

interface Start {
  /** The page to which the provider sends the browser back; a window of its own without it. */
  redirectUrl?: string;
  /** Scopes in addition to those of a sign-in. */
  scopes?: readonly string[];
}

/** Where a provider's sign-in begins. */
export function startAddress(provider: string, environment: string, { redirectUrl, scopes = [] }: Start = {}): string {
  const query = new URLSearchParams({
    env: environment,
    origin: location.origin,
    flow: redirectUrl ? 'redirect' : 'popup',
  });
  if (redirectUrl) query.set('redirectUrl', redirectUrl);
  if (scopes.length > 0) query.set('scope', scopes.join(' '));
  return `/api/auth/${encodeURIComponent(provider)}/start?${query}`;
}

/** Signs in at a provider in a window of its own, which hands the session over with a message. */
export async function signInWithWindow(provider: string, environment: string): Promise<Session> {
  const opened = window.open(startAddress(provider, environment), 'sign-in', 'popup,width=450,height=730');
  const response = await waitForWindow(opened);
  adopt(response, provider, environment);
  return response;
}

/** The session that a window of a provider hands over before it closes. */
export function waitForWindow(opened: Window | null): Promise<Session> {
  if (!opened) {
    return Promise.reject(new Error('The browser did not open a window. Allow this page to open one, and try again.'));
  }
  return new Promise((resolve, reject) => {
    const finish = (end: () => void) => {
      clearInterval(looking);
      removeEventListener('message', listen);
      opened.close();
      end();
    };
    const listen = (message: MessageEvent) => {
      if (message.source !== opened || message.origin !== location.origin || !isOutcome(message.data)) return;
      const { response, error } = message.data;
      finish(() => {
        if (response) resolve(response);
        else reject(refused(error?.message ?? 'The provider gave no reason.'));
      });
    };
    const looking = setInterval(() => {
      if (opened.closed) finish(() => reject(new Error('The window was closed before you had signed in.')));
    }, lookInterval);
    addEventListener('message', listen);
  });
}

/** A sign-in that was refused reads like a refused request. */
export function refused(message: string): ApiError {
  return new ApiError(new Response(null, { status: 401 }), 'AuthenticationError', message);
}

function isOutcome(data: unknown): data is Outcome {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'authorization_response';
}

const leftKey = 'portico.signIn.left';

/** Sends the whole page to a provider, which sends it back to where it is now. */
export function signInByRedirect(provider: string, environment: string): void {
  remember(provider, environment);
  sessionStorage.setItem(leftKey, provider);
  location.assign(startAddress(provider, environment, { redirectUrl: location.href }));
}

/** Why a provider sent the page back without a session; nothing when it did not. The address no longer shows it then. */
export function whyRefused(): string | undefined {
  if (sessionStorage.getItem(leftKey) === null) return undefined;
  sessionStorage.removeItem(leftKey);
  const address = new URL(location.href);
  const message = address.searchParams.get('error');
  if (message === null) return undefined;
  address.searchParams.delete('error');
  history.replaceState(null, '', address);
  return message;
}
