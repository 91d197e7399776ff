// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { infoQuery } from '@/api/queries';
import type { FormDecorator, Info } from '@/api/types';
import { Decorators, decoratorsOf } from './decorators';

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

it.each([
  [undefined, []],
  [
    [{ id: 'a', input: { x: 1 } }, { id: 'b' }, { name: 'c' }, 'd'],
    ['a', 'b'],
  ],
])('of %j, the ids are %j', (formDecorators, ids) => {
  expect(decoratorsOf(formDecorators ? { formDecorators } : {})).toEqual(ids);
});

const configured: FormDecorator[] = [
  { id: 'acme:token', provider: 'github', scopes: ['repo'], secret: 'USER_TOKEN' },
  { id: 'acme:other', provider: 'gitlab', scopes: [], secret: 'OTHER' },
];

function show(ids: string[], setSecret: (name: string, value: string) => void, secrets: Record<string, string> = {}) {
  const queries = new QueryClient();
  queries.setQueryData(infoQuery.queryKey, { signIn: { environment: 'production' } } as Info);
  render(
    <QueryClientProvider client={queries}>
      <Decorators ids={ids} configured={configured} secrets={secrets} setSecret={setSecret} />
    </QueryClientProvider>,
  );
}

it('takes the token that the session at the provider of a configured one has', async () => {
  vi.stubGlobal('fetch', async (address: string) => {
    expect(address).toBe('/api/auth/github/refresh?env=production');
    return Response.json({ providerInfo: { accessToken: 'gho_1', scope: 'repo read:user' } });
  });
  const setSecret = vi.fn();
  show(['acme:token'], setSecret);
  await waitFor(() => expect(setSecret).toHaveBeenCalledWith('USER_TOKEN', 'gho_1'));
  expect(screen.queryByRole('note')).toBeNull();
});

it('asks for a token that the session does not have, and names what is not configured', async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 401 }));
  const setSecret = vi.fn();
  show(['acme:token', 'acme:unknown', 'acme:more'], setSecret);
  expect(await screen.findByRole('button', { name: 'Use my account at github' })).toBeTruthy();
  expect(screen.getByRole('note').textContent).toBe(
    'The run starts without what the form decorators acme:unknown, acme:more would set, because Portico does not have them. ' +
      'Steps that read such values or secrets find nothing.',
  );
  expect(setSecret).not.toHaveBeenCalled();
});

it('is nothing for a template without form decorators', () => {
  show([], vi.fn());
  expect(screen.queryByRole('region')).toBeNull();
});
