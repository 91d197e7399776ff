// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { authorize } from '@/api/access';
import { ApiError } from '@/api/errors';
import type { Found } from '@/api/types';
import { IntegrationCard } from './integration-card';

vi.mock('@tanstack/react-router', () => ({ Link: () => null }));
vi.mock('@/api/access', async (original) => ({ ...(await original()), authorize: vi.fn() }));

const nothing: Found<string> = { items: [], problems: [] };
const failed = (status: number) => new ApiError(new Response(null, { status }), 'Error', 'it was refused');
const ask = vi.fn<() => Promise<Found<string>>>();

beforeEach(() => {
  ask.mockReset();
  vi.mocked(authorize).mockReset();
  vi.mocked(authorize).mockResolvedValue([true]);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function show() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <QueryClientProvider client={queries}>
      <IntegrationCard
        title="Ships"
        href={([first]) => first && `https://ships.example.com/${first}`}
        needs="ships.read"
        query={{ queryKey: ['ships'], queryFn: ask }}
      >
        {(items) => <p>{items.join(', ')}</p>}
      </IntegrationCard>
    </QueryClientProvider>,
  );
}

/** Lets everything happen that is under way. */
const settle = (milliseconds = 10) => act(() => vi.advanceTimersByTimeAsync(milliseconds));

describe('a card', () => {
  it('shows what there is, and leads to the system', async () => {
    ask.mockResolvedValue({ items: ['ada', 'bob'], problems: [] });
    show();
    expect(await screen.findByText('ada, bob')).toBeTruthy();
    expect(screen.getByRole('link', { name: /Ships/ }).getAttribute('href')).toBe('https://ships.example.com/ada');
  });

  it.each([
    ['there is nothing', () => Promise.resolve(nothing)],
    ['it is not for the caller', () => Promise.reject(failed(403))],
    ['the entity is not there', () => Promise.reject(failed(404))],
  ])('is absent when %s', async (_, answer) => {
    vi.useFakeTimers();
    ask.mockImplementation(answer);
    const { container } = show();
    await settle();
    expect(ask).toHaveBeenCalled();
    expect(container.innerHTML).toBe('');
  });

  it('asks nothing for somebody without the permission', async () => {
    vi.useFakeTimers();
    vi.mocked(authorize).mockResolvedValue([false]);
    const { container } = show();
    await settle();
    expect(authorize).toHaveBeenCalledWith([{ permission: 'ships.read' }]);
    expect(ask).not.toHaveBeenCalled();
    expect(container.innerHTML).toBe('');
  });

  it('says what failed, and asks again', async () => {
    ask.mockRejectedValueOnce(failed(500)).mockResolvedValue({ items: ['ada'], problems: [] });
    show();
    expect((await screen.findByRole('alert')).textContent).toContain('Could not ask Ships');
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('ada')).toBeTruthy();
  });

  it('shows what one source has when another has a problem', async () => {
    ask.mockResolvedValueOnce({ items: ['ada'], problems: [{ source: 'North', message: 'it is closed' }] });
    ask.mockResolvedValue({ items: ['ada', 'bob'], problems: [] });
    show();
    expect(await screen.findByText('ada')).toBeTruthy();
    expect(screen.getByRole('listitem').textContent).toBe('North: it is closed');
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('ada, bob')).toBeTruthy();
    expect(screen.queryByRole('listitem')).toBeNull();
  });

  it('asks again each 15 s, and keeps what it knows', async () => {
    vi.useFakeTimers();
    ask.mockResolvedValueOnce(nothing).mockResolvedValueOnce({ items: ['ada'], problems: [] });
    ask.mockRejectedValue(failed(500));
    show();
    await settle();
    expect(screen.queryByText('ada')).toBeNull();
    await settle(15_000);
    expect(screen.getByText('ada')).toBeTruthy();
    await settle(15_000);
    expect(screen.getByText('ada')).toBeTruthy();
    expect(screen.getByRole('listitem').textContent).toBe('Portico: What you see may be old. it was refused');
  });
});
