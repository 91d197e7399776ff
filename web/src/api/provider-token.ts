import { startAddress, waitForWindow } from './provider-window';
import type { Session } from './types';

/**
 * The access token of the signed-in person at a provider, if this browser has a session there already with
 * these scopes. Nobody is asked for anything.
 */
export async function knownToken(
  provider: string,
  environment: string,
  scopes: readonly string[],
): Promise<string | undefined> {
  const query = new URLSearchParams({ env: environment });
  const response = await fetch(`/api/auth/${encodeURIComponent(provider)}/refresh?${query}`, {
    method: 'POST',
    headers: { 'X-Requested-With': 'XMLHttpRequest' },
  });
  if (!response.ok) return undefined;
  const { providerInfo }: Session = await response.json();
  const granted = new Set(providerInfo?.scope.split(/[\s,]+/));
  return scopes.every((scope) => granted.has(scope)) ? providerInfo?.accessToken : undefined;
}

/** Asks for a token at a provider, in a window of its own. Who is signed in to the portal stays so. */
export async function requestToken(provider: string, environment: string, scopes: readonly string[]): Promise<string> {
  const opened = window.open(
    startAddress(provider, environment, { scopes }),
    'provider-token',
    'popup,width=450,height=730',
  );
  const { providerInfo } = await waitForWindow(opened);
  if (!providerInfo) throw new Error('The provider gave no token.');
  return providerInfo.accessToken;
}
