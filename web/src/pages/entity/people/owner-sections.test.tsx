// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { countOwned, entitiesByRefs } from '@/api/catalog';
import type { Entity } from '@/api/types';
import { OrganizationSections, OwnedSection } from './owner-sections';

vi.mock('@tanstack/react-router', () => ({
  Link: ({
    to,
    search,
    params,
    children,
    ...rest
  }: {
    to: string;
    search?: object;
    params?: object;
    children: ReactNode;
  }) => (
    <a {...rest} href={`${to} ${JSON.stringify(search ?? params)}`}>
      {children}
    </a>
  ),
}));
vi.mock('@/api/catalog', () => ({ countOwned: vi.fn(), entitiesByRefs: vi.fn() }));

function entity(kind: string, name: string, relations: [type: string, targetRef: string][]): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind,
    metadata: { name, namespace: 'default', title: name.toUpperCase() },
    relations: relations.map(([type, targetRef]) => ({ type, targetRef })),
  };
}

const eng = entity('Group', 'eng', [
  ['parentOf', 'group:default/web'],
  ['hasMember', 'user:default/ada'],
]);
const web = entity('Group', 'web', [
  ['childOf', 'group:default/eng'],
  ['hasMember', 'user:default/bo'],
]);
const bo = entity('User', 'bo', [['memberOf', 'group:default/web']]);
const all: Record<string, Entity> = { 'group:default/eng': eng, 'group:default/web': web, 'user:default/bo': bo };

beforeEach(() => {
  vi.mocked(entitiesByRefs).mockImplementation(async (refs) => refs.map((ref) => all[ref] ?? null));
  vi.mocked(countOwned).mockImplementation(async (owners) =>
    owners.length > 1 ? { component: 1200, api: 1 } : { component: 3 },
  );
});
afterEach(cleanup);

function show(of: Entity) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <OwnedSection entity={of} />
      <OrganizationSections entity={of} />
    </QueryClientProvider>,
  );
}

it('shows what a group owns, with links to the lists, and who is in it', async () => {
  show(eng);
  const owns = await screen.findByRole('region', { name: 'Owns' });
  const wide = await within(owns).findByRole('link', { name: '1,200 Components' });
  expect(wide.getAttribute('href')).toBe(
    '/catalog {"kind":"component","owner":["group:default/eng","group:default/web"]}',
  );
  expect(within(owns).getByRole('link', { name: '3 Components' }).getAttribute('href')).toContain(
    '["group:default/eng"]',
  );
  const people = screen.getByRole('region', { name: 'People' });
  expect(within(people).getByRole('status').textContent).toBe('1 direct member');
  fireEvent.click(within(people).getByRole('checkbox', { name: /With groups below/ }));
  expect(within(people).getByText('2 people')).toBeTruthy();
  expect((await within(people).findByRole('link', { name: 'BO' })).closest('li')?.textContent).toBe('BOWEB');
  expect(screen.getByRole('region', { name: 'Groups' }).textContent).toContain('WEB1 member');
});

it('shows the groups of a user, with those above them', async () => {
  show(bo);
  const groups = await screen.findByRole('region', { name: 'Groups' });
  expect(within(groups).getByRole('listitem').textContent).toBe('WEB1 memberinENG');
  expect(countOwned).toHaveBeenCalledWith(['user:default/bo', 'group:default/web'], expect.anything());
});
