// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fetchActions, fetchBookmarks, fetchFacets, fetchRuns, queryEntities } from '@/api/client';
import { ApiError } from '@/api/errors';
import { Finder } from './finder';

vi.mock('@tanstack/react-router', () => ({ useNavigate: () => () => undefined }));
vi.mock('@/api/client', () => ({
  byTitle: '',
  fetchActions: vi.fn(),
  fetchBookmarks: vi.fn(),
  fetchFacets: vi.fn(),
  fetchRuns: vi.fn(),
  queryEntities: vi.fn(),
}));

const incomplete = 'Not everything could be searched: try again.';

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.mocked(fetchActions).mockResolvedValue([]);
  vi.mocked(fetchBookmarks).mockResolvedValue([]);
  vi.mocked(fetchFacets).mockResolvedValue({ kind: [] });
  vi.mocked(fetchRuns).mockResolvedValue({ runs: [], total: 0 });
  vi.mocked(queryEntities).mockResolvedValue({ items: [], totalItems: 0, pageInfo: {} });
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function show() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Finder close={() => undefined} />
    </QueryClientProvider>,
  );
}

function type(text: string) {
  fireEvent.change(screen.getByRole('combobox'), { target: { value: text } });
}

it('asks the server when the user pauses, not at every keystroke', async () => {
  show();
  for (const text of ['s', 'sh', 'sho', 'shop']) {
    type(text);
    await act(() => vi.advanceTimersByTimeAsync(50));
  }
  expect(screen.getByRole('status').textContent).toBe('Searching …');
  expect(queryEntities).not.toHaveBeenCalled();
  expect(await screen.findByText('Nothing has “shop” in its name, title or description.')).toBeTruthy();
  expect(vi.mocked(queryEntities).mock.calls.map(([{ text }]) => text)).toEqual(['shop', 'shop']);
  expect(fetchFacets).toHaveBeenCalledTimes(1);
});

it('says that not everything could be searched, with and without results', async () => {
  vi.mocked(queryEntities).mockRejectedValue(new Error('The database went away'));
  show();
  type('nothing-like-it');
  expect(await screen.findByText(incomplete)).toBeTruthy();
  type('catalog');
  expect(screen.getByRole('option', { name: /Catalog/ })).toBeTruthy();
  expect(await screen.findByText(incomplete)).toBeTruthy();
  type('');
  expect(screen.queryByText(incomplete)).toBeNull();
});

it('says nothing of things without permission', async () => {
  vi.mocked(fetchRuns).mockRejectedValue(new ApiError(new Response(null, { status: 403 }), 'NotAllowedError', 'no'));
  show();
  type('shop');
  expect(await screen.findByText(/^Nothing has “shop”/)).toBeTruthy();
});
