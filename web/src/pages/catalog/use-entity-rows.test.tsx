// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { queryEntities } from '@/api/catalog';
import type { Entity } from '@/api/types';
import { pagesIn, useEntityRows } from './use-entity-rows';

vi.mock('@/api/catalog', () => ({ byTitle: '', queryEntities: vi.fn() }));

const total = 50_000;

function entity(index: number): Entity {
  return { apiVersion: 'v1', kind: 'Component', metadata: { name: `c${index}` } };
}

beforeEach(() => {
  vi.mocked(queryEntities).mockReset();
  vi.mocked(queryEntities).mockImplementation(async ({ offset = 0, limit = 0, totalItems }) => ({
    items: Array.from({ length: limit }, (_, index) => entity(offset + index)),
    totalItems: totalItems === 'exclude' ? 0 : total,
    pageInfo: {},
  }));
});
afterEach(cleanup);

const offsets = () => vi.mocked(queryEntities).mock.calls.map(([{ offset = 0 }]) => offset);

function show() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={queries}>{children}</QueryClientProvider>
  );
  return renderHook(() => useEntityRows({ filter: ['kind=component'] }, true), { wrapper }).result;
}

describe('the rows of a large catalog', () => {
  it('are all there at once, and read where somebody looks', async () => {
    const result = show();
    await waitFor(() => expect(result.current.rows).toHaveLength(total));
    expect(result.current.rows[99]?.metadata.name).toBe('c99');
    expect(result.current.rows[49_990]).toBeUndefined();
    expect(offsets()).toEqual([0]);
    act(() => result.current.onRange(49_960, 49_999));
    await waitFor(() => expect(result.current.rows[49_990]?.metadata.name).toBe('c49990'));
    expect(offsets()).toEqual([0, 49_900]);
    expect(result.current.total).toBe(total);
  });

  it('that somebody scrolls past are not read', async () => {
    const result = show();
    await waitFor(() => expect(result.current.rows).toHaveLength(total));
    act(() => {
      for (let first = 0; first < 40_000; first += 50) result.current.onRange(first, first + 40);
      result.current.onRange(40_020, 40_060);
    });
    await waitFor(() => expect(result.current.rows[40_050]?.metadata.name).toBe('c40050'));
    expect(offsets().length).toBeLessThan(5);
  });

  it('of a page that fails are empty, with the reason', async () => {
    const result = show();
    await waitFor(() => expect(result.current.rows).toHaveLength(total));
    vi.mocked(queryEntities).mockRejectedValueOnce(new Error('away'));
    act(() => result.current.onRange(1020, 1060));
    await waitFor(() => expect(result.current.error?.message).toBe('away'));
    expect(result.current.rows[0]?.metadata.name).toBe('c0');
    act(() => result.current.retry());
    await waitFor(() => expect(result.current.rows[1050]?.metadata.name).toBe('c1050'));
  });
});

it('the pages in view have neighbours, and end with the rows', () => {
  expect(pagesIn([0, 30], 50_000)).toEqual([]);
  expect(pagesIn([30, 80], 50_000)).toEqual([1]);
  expect(pagesIn([440, 480], 50_000)).toEqual([3, 4, 5]);
  expect(pagesIn([49_970, 49_999], 50_000)).toEqual([499]);
  expect(pagesIn([30, 99], 100)).toEqual([]);
});
