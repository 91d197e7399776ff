// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor, within } from '@testing-library/react';
import userEvent, { PointerEventsCheckLevel } from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { authorize } from '@/api/access';
import { decideSweep } from '@/api/sources';
import type { Sweep } from '@/api/types';
import { SweepItem } from './sweep-item';

vi.mock('@/api/access', async (original) => ({ ...(await original<object>()), authorize: vi.fn() }));
vi.mock('@/api/sources', async (original) => ({ ...(await original<object>()), decideSweep: vi.fn() }));
vi.mock('@/entity/entity-link', () => ({
  EntityLink: ({ entityRef }: { entityRef: string }) => <a href="/">{entityRef}</a>,
}));

const finished: Sweep = {
  id: 's1',
  source: 'github-provider:acme',
  state: 'committed',
  cause: 'schedule',
  askedAt: '2026-11-30T10:00:00Z',
  startedAt: '2026-11-30T10:00:00Z',
  endedAt: '2026-11-30T10:00:04Z',
  pages: 50,
  requests: 50,
  entities: 5000,
  added: 3,
  changed: 0,
  removed: 0,
  removals: [],
  remarks: [],
};

const waiting: Sweep = {
  ...finished,
  state: 'waiting',
  endedAt: undefined,
  removed: 1001,
  removals: ['component:default/checkout'],
} as unknown as Sweep;

function show(sweep: Sweep) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <ol>
        <SweepItem sweep={sweep} />
      </ol>
    </QueryClientProvider>,
  );
  return userEvent.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never });
}

beforeEach(() => {
  vi.mocked(authorize).mockImplementation(async (needed) => needed.map(() => true));
  vi.mocked(decideSweep).mockResolvedValue();
});

afterEach(() => {
  cleanup();
  vi.resetAllMocks();
});

it('says what a sweep read, changed and took', () => {
  show(finished);
  expect(screen.getByRole('listitem').textContent).toMatch(
    /Done.*50 pages, 50 requests, 5,000 entities.*3 added.*by schedule, took 4\.0 s/,
  );
  expect(screen.queryByRole('button')).toBeNull();
});

it('says of a sweep that failed why, what to do, and that the catalog is as it was', () => {
  show({
    ...finished,
    state: 'failed',
    failure: {
      name: 'NotFoundError',
      message: 'GitHub has no organization acme',
      next: 'Check catalog.providers.github.',
    },
  });
  const text = screen.getByRole('listitem').textContent;
  expect(text).toContain('GitHub has no organization acme Check catalog.providers.github. The catalog is as it was.');
  expect(text).not.toContain('3 added');
});

it('removes what a waiting sweep would remove only after the removal was confirmed', async () => {
  const user = show(waiting);
  expect(screen.getByRole('link', { name: 'component:default/checkout' })).toBeTruthy();
  expect(screen.getByText('and 1,000 more')).toBeTruthy();
  await user.click(screen.getByRole('button', { name: 'Approve the removal…' }));
  const dialog = within(await screen.findByRole('alertdialog', { name: 'Remove 1,001 entities?' }));
  expect(decideSweep).not.toHaveBeenCalled();
  await user.click(dialog.getByRole('button', { name: 'Remove them' }));
  await waitFor(() => expect(decideSweep).toHaveBeenCalledExactlyOnceWith('s1', 'approve'));
});

it('drops a waiting sweep', async () => {
  const user = show(waiting);
  await user.click(screen.getByRole('button', { name: 'Drop the sweep' }));
  await waitFor(() => expect(decideSweep).toHaveBeenCalledExactlyOnceWith('s1', 'drop'));
});

it('cancels a sweep that reads, and shows how far it is', async () => {
  const user = show({ ...waiting, state: 'reading', total: 20_000, removals: [], removed: 0 });
  expect(screen.getByRole('progressbar', { name: 'Read so far' }).getAttribute('max')).toBe('20000');
  await user.click(screen.getByRole('button', { name: 'Cancel the sweep' }));
  await waitFor(() => expect(decideSweep).toHaveBeenCalledExactlyOnceWith('s1', 'cancel'));
});

it('says why the decision failed', async () => {
  vi.mocked(decideSweep).mockRejectedValue(new Error('The sweep has ended'));
  const user = show(waiting);
  await user.click(screen.getByRole('button', { name: 'Drop the sweep' }));
  expect((await screen.findByRole('alert')).textContent).toContain('The sweep has ended');
});
