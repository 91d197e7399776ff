// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { entitiesByRefs, fetchModel } from '@/api/catalog';
import { fetchSearchFacets } from '@/api/search';
import type { Entity } from '@/api/types';
import { FilterList } from './filter-list';

const { navigate, search } = vi.hoisted(() => ({ navigate: vi.fn(), search: vi.fn() }));
vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useSearch: search, useNavigate: () => navigate }),
}));
vi.mock('@/api/catalog', async (original) => ({
  ...(await original<object>()),
  fetchModel: vi.fn(),
  entitiesByRefs: vi.fn(),
}));
vi.mock('@/api/search', async (original) => ({ ...(await original<object>()), fetchSearchFacets: vi.fn() }));

beforeEach(() => {
  vi.mocked(fetchModel).mockResolvedValue({ kinds: [], relations: [] } as never);
  const payments = { kind: 'Group', metadata: { name: 'payments', title: 'Payments and Billing' } };
  vi.mocked(entitiesByRefs).mockImplementation(async (refs) =>
    refs.map((ref) => (ref === 'group:default/payments' ? (payments as Entity) : null)),
  );
  search.mockReturnValue({ query: 'shop kind:api', pageCursor: 'MQ==' });
});
afterEach(() => {
  cleanup();
  navigate.mockClear();
});

function show(): void {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <FilterList question="shop kind:api" />
    </QueryClientProvider>,
  );
}

it('shows how many results each choice has, and says when they were not all counted', async () => {
  vi.mocked(fetchSearchFacets).mockResolvedValue([
    {
      field: 'kind',
      isMore: false,
      values: [
        { value: 'api', count: 2, isChosen: true },
        { value: 'component', count: 1200, isChosen: false },
      ],
    },
    {
      field: 'owner',
      isMore: true,
      values: [
        { value: 'group:default/payments', count: 300, isChosen: false },
        { value: 'user:default/ann', count: 1, isChosen: false },
      ],
    },
    { field: 'lifecycle', isMore: false, values: [{ value: 'production', count: 9, isChosen: false }] },
  ]);
  show();
  const kinds = within(await screen.findByRole('group', { name: 'Kind' }));
  expect(kinds.getByRole<HTMLInputElement>('checkbox', { name: 'APIs 2' }).checked).toBe(true);
  expect(kinds.getByRole<HTMLInputElement>('checkbox', { name: 'Components 1,200' }).checked).toBe(false);
  const owners = within(screen.getByRole('group', { name: 'Owner' }));
  expect(await owners.findByRole('checkbox', { name: 'Payments and Billing 300+' })).toBeTruthy();
  expect(owners.getByRole('checkbox', { name: 'user:ann 1+' })).toBeTruthy();
  expect(screen.getByText(/A number with \+/)).toBeTruthy();
  expect(screen.queryByRole('group', { name: 'Lifecycle' }), 'it would not narrow anything').toBeNull();
});

it('has the choice in the address', async () => {
  vi.mocked(fetchSearchFacets).mockResolvedValue([
    {
      field: 'kind',
      isMore: false,
      values: [
        { value: 'api', count: 2, isChosen: true },
        { value: 'component', count: 3, isChosen: false },
      ],
    },
  ]);
  show();
  fireEvent.click(await screen.findByRole('checkbox', { name: 'Components 3' }));
  expect(navigate.mock.lastCall?.[0].search).toEqual({ query: 'shop kind:api', 'filters[kind][]': ['component'] });
  fireEvent.click(screen.getByRole('checkbox', { name: 'APIs 2' }));
  expect(navigate.mock.lastCall?.[0].search).toEqual({ query: 'shop' });
  expect(screen.queryByText(/A number with \+/)).toBeNull();
});
