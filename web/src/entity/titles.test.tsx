// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { entitiesByRefs } from '@/api/catalog';
import type { Entity } from '@/api/types';
import { useTitle, useTitles } from './titles';

vi.mock('@/api/catalog', () => ({ entitiesByRefs: vi.fn() }));

const titles: Record<string, string> = {
  'group:default/payments': 'Payments and Billing',
  'user:default/ada': 'Ada Lovelace',
};

const asked = vi.mocked(entitiesByRefs);

beforeEach(() => {
  asked.mockReset();
  asked.mockImplementation(async (refs) =>
    refs.map((ref): Entity | null => {
      const title = titles[ref];
      return title ? { apiVersion: 'v1', kind: 'Group', metadata: { name: 'n', title } } : null;
    }),
  );
});

afterEach(cleanup);

function wrapper({ children }: { children: ReactNode }) {
  return <QueryClientProvider client={queries}>{children}</QueryClientProvider>;
}

let queries: QueryClient;
beforeEach(() => {
  queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
});

describe('titles', () => {
  it('of a whole page are requested once, together', async () => {
    const page = () => [
      useTitle('group:default/payments'),
      useTitle('user:default/ada'),
      useTitle('group:default/payments'),
      useTitles(['user:default/ada', 'group:default/gone']).of('user:default/ada'),
    ];
    const { result } = renderHook(page, { wrapper });
    const expected = ['Payments and Billing', 'Ada Lovelace', 'Payments and Billing', 'Ada Lovelace'];
    await waitFor(() => expect(result.current).toEqual(expected));
    expect(asked).toHaveBeenCalledTimes(1);
    expect(asked.mock.calls[0]?.[0].toSorted()).toEqual([
      'group:default/gone',
      'group:default/payments',
      'user:default/ada',
    ]);
    const { result: another } = renderHook(() => [...page(), useTitle('group:default/gone-too')], { wrapper });
    expect(another.current).toEqual([...expected, undefined]);
    await waitFor(() => expect(asked).toHaveBeenCalledTimes(2));
    expect(asked.mock.calls[1]?.[0]).toEqual(['group:default/gone-too']);
  });

  it('of missing or unreadable entities are the names', async () => {
    const { result } = renderHook(() => useTitles(['group:default/gone']), { wrapper });
    expect(result.current.known).toBe(false);
    await waitFor(() => expect(result.current.known).toBe(true));
    expect(result.current.of('group:default/gone', 'group')).toBe('gone');
    asked.mockRejectedValue(new Error('away'));
    const { result: failed } = renderHook(() => useTitles(['group:web/lost']), { wrapper });
    await waitFor(() => expect(failed.current.known).toBe(true));
    expect(failed.current.of('group:web/lost', 'user')).toBe('group:web/lost');
  });
});
