// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addBookmark, fetchBookmarks, removeBookmark } from '@/api/portal';
import { useStarred, useToggleStar } from './bookmarks';

vi.mock('@/api/portal', () => ({ fetchBookmarks: vi.fn(), addBookmark: vi.fn(), removeBookmark: vi.fn() }));

const shop = 'component:default/shop';
const till = 'component:default/till';

let queries: QueryClient;
/** What the server keeps. */
let kept: string[];
beforeEach(() => {
  vi.clearAllMocks();
  queries = new QueryClient();
  kept = [shop];
  vi.mocked(fetchBookmarks).mockImplementation(async () => kept);
  vi.mocked(addBookmark).mockImplementation(async (_, ref) => {
    kept = [ref, ...kept.filter((other) => other !== ref)];
  });
  vi.mocked(removeBookmark).mockImplementation(async (_, ref) => {
    kept = kept.filter((other) => other !== ref);
  });
});
afterEach(cleanup);

function show() {
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={queries}>{children}</QueryClientProvider>
  );
  return renderHook(() => ({ starred: useStarred(), toggle: useToggleStar() }), { wrapper }).result;
}

describe('stars', () => {
  it('are stored on the server, and change at once', async () => {
    const result = show();
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    expect(localStorage.getItem('portico.starred')).toBe(JSON.stringify([shop]));
    act(() => result.current.toggle(till));
    await waitFor(() => expect(result.current.starred).toEqual([till, shop]));
    expect(addBookmark).toHaveBeenCalledExactlyOnceWith('stars', till);
    act(() => result.current.toggle(shop));
    await waitFor(() => expect(result.current.starred).toEqual([till]));
    expect(removeBookmark).toHaveBeenCalledExactlyOnceWith('stars', shop);
  });

  it('that the server refuses are removed', async () => {
    vi.mocked(addBookmark).mockRejectedValue(new Error('500 are starred'));
    const result = show();
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    act(() => result.current.toggle(till));
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    expect(fetchBookmarks).toHaveBeenCalledTimes(2);
  });

  it('are read again when one is set before the first response', async () => {
    localStorage.clear();
    vi.mocked(fetchBookmarks).mockImplementationOnce(() => new Promise(() => undefined));
    const result = show();
    for (const ref of [...result.current.starred]) act(() => result.current.toggle(ref));
    kept = [shop];
    act(() => result.current.toggle(till));
    await waitFor(() => expect(result.current.starred).toEqual([till, shop]));
  });

  it('are not read while another change is pending', async () => {
    const result = show();
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    let answer: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      answer = resolve;
    });
    vi.mocked(removeBookmark).mockReturnValueOnce(first);
    act(() => result.current.toggle(shop));
    await waitFor(() => expect(result.current.starred).toEqual([]));
    await act(async () => result.current.toggle(till));
    expect(fetchBookmarks).toHaveBeenCalledTimes(1);
    kept = [till];
    await act(async () => answer());
    await waitFor(() => expect(fetchBookmarks).toHaveBeenCalledTimes(2));
    expect(result.current.starred).toEqual([till]);
  });

  it('are stored in the browser when the server stores none', async () => {
    vi.mocked(fetchBookmarks).mockRejectedValue(new Error('Only a signed-in person has bookmarks'));
    vi.mocked(addBookmark).mockRejectedValue(new Error('Only a signed-in person has bookmarks'));
    const result = show();
    for (const ref of [...result.current.starred]) act(() => result.current.toggle(ref));
    act(() => result.current.toggle(shop));
    await waitFor(() => expect(result.current.starred).toEqual([shop]));
    expect(localStorage.getItem('portico.starred')).toBe(JSON.stringify([shop]));
  });
});
