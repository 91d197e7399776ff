import { useQuery } from '@tanstack/react-query';
import { refused, signInByRedirect, signInWithWindow } from '@/api/provider-window';
import { welcomeQuery } from '@/api/queries';
import { signIn } from '@/api/session';
import type { Welcome } from '@/api/types';
import { type Command, useCommand } from '@/api/use-command';
import { Button } from '@/ui/button';
import { ErrorPanel } from '@/ui/states';

interface SignInProps {
  /** Whether somebody was signed in until now. */
  ended: boolean;
  /** Why a provider sent the page back without a session. */
  failure: string | undefined;
  /** The sign-out that led to this page. */
  signOut: Command | undefined;
  onDone: () => void;
}

export function SignIn({ ended, failure, signOut, onDone }: SignInProps) {
  const welcome = useQuery(welcomeQuery);
  return (
    <main className="mx-auto flex min-h-dvh w-[min(400px,calc(100vw-32px))] flex-col justify-center gap-5">
      <div className="flex items-center gap-3">
        <img src="/icon.svg" alt="" width={28} height={28} />
        <h1 className="text-title">{welcome.data?.title ?? 'Portico'}</h1>
      </div>
      {ended && <p role="status">Your session has ended. Sign in again to continue on this page.</p>}
      {failure !== undefined && <ErrorPanel error={refused(failure)} doing="sign in" />}
      {signOut && <SignOut command={signOut} />}
      <p className="text-muted">Find what your teams own, create something new, and follow its progress.</p>
      {welcome.data && !signOut?.busy && <Ways welcome={welcome.data} onDone={onDone} />}
      {welcome.error && <ErrorPanel error={welcome.error} doing="reach Portico" onRetry={() => welcome.refetch()} />}
    </main>
  );
}

/** The state of a sign-out. Nobody can sign in meanwhile: the sign-out would end the new session as well. */
function SignOut({ command: { busy, error, start } }: { command: Command }) {
  if (busy) return <p role="status">Signing out…</p>;
  if (!error) return null;
  return (
    <div className="space-y-2">
      <p>You are not signed out on the server. Whoever uses this browser next can continue as you.</p>
      <ErrorPanel error={error} doing="sign out" onRetry={start} />
    </div>
  );
}

/** The ways to sign in, the guest's last. */
function Ways({ welcome, onDone }: { welcome: Welcome; onDone: () => void }) {
  const { providers, environment, redirect } = welcome.signIn;
  if (providers.length === 0) {
    return <p>No way to sign in is configured. The operator of Portico can add one under auth.providers.</p>;
  }
  return (
    <>
      {providers
        .filter((provider) => provider !== 'guest')
        .map((provider) =>
          proxies.has(provider) ? (
            <ProxyButton key={provider} provider={provider} environment={environment} onDone={onDone} />
          ) : (
            <ProviderButton
              key={provider}
              provider={provider}
              environment={environment}
              redirect={redirect}
              onDone={onDone}
            />
          ),
        )}
      {providers.includes('guest') && <GuestButton environment={environment} onDone={onDone} />}
    </>
  );
}

/** What people call the providers. */
const titles: Record<string, string> = {
  auth0: 'Auth0',
  awsalb: 'AWS',
  cfaccess: 'Cloudflare Access',
  gcpIap: 'Google IAP',
  github: 'GitHub',
  gitlab: 'GitLab',
  google: 'Google',
  microsoft: 'Microsoft',
  oauth2Proxy: 'single sign-on',
  oidc: 'single sign-on',
  okta: 'Okta',
  onelogin: 'OneLogin',
};

/** The providers that have authenticated people before they reach this page. */
const proxies = new Set(['awsalb', 'cfaccess', 'gcpIap', 'oauth2Proxy']);

interface ProxyButtonProps {
  provider: string;
  environment: string;
  onDone: () => void;
}

function ProxyButton({ provider, environment, onDone }: ProxyButtonProps) {
  const enter = useCommand(() => signIn(provider, environment), { onSuccess: onDone });
  return (
    <div className="space-y-2">
      <Button tone="primary" className="w-full" busy={enter.busy} onClick={enter.start}>
        Sign in with {titles[provider] ?? provider}
      </Button>
      {enter.error && <ErrorPanel error={enter.error} doing="sign in" />}
    </div>
  );
}

interface ProviderButtonProps {
  provider: string;
  environment: string;
  redirect: boolean;
  onDone: () => void;
}

function ProviderButton({ provider, environment, redirect, onDone }: ProviderButtonProps) {
  const enter = useCommand(() => signInWithWindow(provider, environment), { onSuccess: onDone });
  const start = redirect ? () => signInByRedirect(provider, environment) : enter.start;
  return (
    <div className="space-y-2">
      <Button tone="primary" className="w-full" busy={enter.busy} onClick={start}>
        Sign in with {titles[provider] ?? provider}
      </Button>
      {enter.error && <ErrorPanel error={enter.error} doing="sign in" />}
    </div>
  );
}

function GuestButton({ environment, onDone }: { environment: string; onDone: () => void }) {
  const enter = useCommand(() => signIn('guest', environment), { onSuccess: onDone });
  return (
    <div className="space-y-2">
      <Button tone="primary" className="w-full" busy={enter.busy} onClick={enter.start}>
        Enter as a guest
      </Button>
      <p className="text-small text-muted">
        Guests are meant for development: everybody who reaches this page can enter.
      </p>
      {enter.error && <ErrorPanel error={enter.error} doing="sign in" />}
    </div>
  );
}
