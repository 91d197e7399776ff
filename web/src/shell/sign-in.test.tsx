// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { remember, signOut } from '@/api/session';
import { useCommand } from '@/api/use-command';
import { SignIn } from './sign-in';

const welcome = { title: 'Portico', signIn: { providers: ['guest'], environment: 'development', redirect: false } };

/** The answers to the next sign-outs. The last sign-out waits until the test answers it. */
let signOuts: (() => Promise<Response>)[];

beforeEach(() => {
  remember('guest', 'development');
  vi.stubGlobal('fetch', async (address: string) =>
    address.includes('/logout') ? signOuts.shift()?.() : new Response(JSON.stringify(welcome)),
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** The page with a button in place of the portal's menu. */
function Page() {
  const leave = useCommand(signOut);
  return (
    <>
      <button type="button" onClick={leave.start}>
        Sign out
      </button>
      <SignIn ended={false} failure={undefined} signOut={leave} onDone={() => {}} />
    </>
  );
}

it('says that the server has not signed somebody out, and tries again', async () => {
  let confirm: (response: Response) => void = () => {};
  const confirmed = new Promise<Response>((resolve) => {
    confirm = resolve;
  });
  signOuts = [async () => new Response(null, { status: 503 }), () => confirmed];
  const user = userEvent.setup();
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Page />
    </QueryClientProvider>,
  );
  await user.click(screen.getByRole('button', { name: 'Sign out' }));
  await screen.findByText(/^You are not signed out on the server\./);
  await screen.findByRole('button', { name: 'Enter as a guest' });

  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByText('Signing out…');
  expect(screen.queryByText(/^You are not signed out/)).toBeNull();
  expect(screen.queryByRole('button', { name: 'Enter as a guest' })).toBeNull();

  confirm(new Response(null, { status: 200 }));
  await screen.findByRole('button', { name: 'Enter as a guest' });
  expect(screen.queryByText(/^You are not signed out/)).toBeNull();
});

it('asks proxies at once, without a window', async () => {
  const proxies = ['awsalb', 'cfaccess', 'gcpIap', 'oauth2Proxy'];
  const asked: string[] = [];
  const opened = vi.fn();
  vi.stubGlobal('open', opened);
  vi.stubGlobal('fetch', async (address: string) => {
    if (!address.includes('/refresh')) {
      return new Response(JSON.stringify({ ...welcome, signIn: { ...welcome.signIn, providers: proxies } }));
    }
    asked.push(address);
    return new Response(null, { status: 401 });
  });
  const user = userEvent.setup();
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Page />
    </QueryClientProvider>,
  );
  for (const button of await screen.findAllByRole('button', { name: /^Sign in with/ })) await user.click(button);
  expect(asked).toEqual(proxies.map((id) => `/api/auth/${id}/refresh?env=development`));
  expect(opened).not.toHaveBeenCalled();
});
