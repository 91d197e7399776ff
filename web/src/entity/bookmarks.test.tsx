// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addBookmark, fetchBookmarks, removeBookmark } from '@/api/client';
import { useStarred, useToggleStar } from './bookmarks';

vi.mock('@/api/client', () => ({ fetchBookmarks: vi.fn(), addBookmark: vi.fn(), removeBookmark: vi.fn() }));

const shop = 'component:default/shop';
const till = 'component:default/till';

let queries: QueryClient;
beforeEach(() => {
  vi.clearAllMocks();
  queries = new QueryClient();
  vi.mocked(addBookmark).mockResolvedValue();
  vi.mocked(removeBookmark).mockResolvedValue();
});
afterEach(cleanup);

function show() {
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={queries}>{children}</QueryClientProvider>
  );
  return renderHook(() => ({ starred: useStarred(), toggle: useToggleStar() }), { wrapper }).result;
}

describe('stars', () => {
  it('are the server’s, and change at once', async () => {
    vi.mocked(fetchBookmarks).mockResolvedValue([shop]);
    const result = show();
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    act(() => result.current.toggle(till));
    await waitFor(() => expect(result.current.starred).toEqual([till, shop]));
    expect(addBookmark).toHaveBeenCalledExactlyOnceWith('stars', till);
    act(() => result.current.toggle(shop));
    await waitFor(() => expect(result.current.starred).toEqual([till]));
    expect(removeBookmark).toHaveBeenCalledExactlyOnceWith('stars', shop);
  });

  it('that the server refuses go again', async () => {
    vi.mocked(fetchBookmarks).mockResolvedValue([shop]);
    vi.mocked(addBookmark).mockRejectedValue(new Error('500 are starred'));
    const result = show();
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    act(() => result.current.toggle(till));
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    expect(fetchBookmarks).toHaveBeenCalledTimes(2);
  });

  it('are this browser’s where the server keeps none', async () => {
    vi.mocked(fetchBookmarks).mockRejectedValue(new Error('Only a signed-in person has bookmarks'));
    vi.mocked(addBookmark).mockRejectedValue(new Error('Only a signed-in person has bookmarks'));
    const result = show();
    for (const ref of [...result.current.starred]) act(() => result.current.toggle(ref));
    act(() => result.current.toggle(shop));
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    expect(localStorage.getItem('portico.starred')).toBe(JSON.stringify([shop]));
  });
});
