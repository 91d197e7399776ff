// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { deleteRole, fetchRole, previewChanges } from '@/api/access';
import { roleQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { DeleteRole } from './delete-role';

vi.mock('@tanstack/react-router', () => ({ useNavigate: () => () => Promise.resolve() }));
vi.mock('@/api/access', async (original) => ({
  ...(await original()),
  deleteRole: vi.fn(),
  fetchRole: vi.fn(),
  previewChanges: vi.fn(),
}));

function roleWith(version: string, members: number): WholeRole {
  return {
    name: 'role:default/builders',
    source: 'rest',
    description: '',
    owner: '',
    author: '',
    modifiedBy: '',
    createdAt: '',
    lastModified: '',
    isDefault: false,
    version,
    mayUpdate: true,
    mayDelete: true,
    members: Array.from({ length: members }, (_, index) => ({ entityRef: `user:default/u${index}` })),
    policies: [],
    conditions: [],
  };
}

let queries: QueryClient;

beforeEach(() => {
  vi.clearAllMocks();
  queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
  vi.mocked(previewChanges).mockResolvedValue({
    people: { compared: 1, affected: 0, gain: 0, lose: 0, alter: 0 },
    permissions: [],
    items: [],
    problems: [],
    incomplete: [],
  });
  vi.mocked(deleteRole).mockResolvedValue();
});

afterEach(cleanup);

/** The page of the role, which was read some time ago. */
function Page() {
  const { data } = useQuery(roleQuery('default/builders'));
  return data ? <DeleteRole role={data} /> : null;
}

function show(role: WholeRole) {
  queries.setQueryData(roleQuery('default/builders').queryKey, role);
  render(
    <QueryClientProvider client={queries}>
      <Page />
    </QueryClientProvider>,
  );
}

it('says what is lost with the role as it is now, and not as the page has it', async () => {
  show(roleWith('v1', 1));
  vi.mocked(fetchRole).mockResolvedValue(roleWith('v2', 3));
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText(/3 members lose it/)).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Delete the role' }));
  await waitFor(() => expect(deleteRole).toHaveBeenCalledWith('default/builders', 'v2'));
});

it('asks again if the role was changed after it was shown', async () => {
  show(roleWith('v1', 1));
  vi.mocked(fetchRole).mockResolvedValueOnce(roleWith('v1', 1)).mockResolvedValue(roleWith('v2', 2));
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText(/1 member loses it/)).toBeTruthy();
  expect(previewChanges).toHaveBeenCalledTimes(1);
  await userEvent.click(screen.getByRole('button', { name: 'Delete the role' }));

  expect(await screen.findByText(/It was changed meanwhile/)).toBeTruthy();
  expect(screen.getByText(/2 members lose it/)).toBeTruthy();
  expect(deleteRole).not.toHaveBeenCalled();
  expect(vi.mocked(previewChanges).mock.calls.length).toBeGreaterThan(1);
  await userEvent.click(screen.getByRole('button', { name: 'Delete the role' }));
  await waitFor(() => expect(deleteRole).toHaveBeenCalledTimes(1));
});

it('compares what people may do anew each time', async () => {
  show(roleWith('v1', 1));
  vi.mocked(fetchRole).mockResolvedValue(roleWith('v1', 1));
  for (const times of [1, 2]) {
    await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
    await screen.findByText(/Nobody gains or loses anything/);
    expect(previewChanges).toHaveBeenCalledTimes(times);
    await userEvent.click(screen.getByRole('button', { name: 'Keep it as it is' }));
  }
});

it('says that the role could not be read again, and does not delete it', async () => {
  show(roleWith('v1', 1));
  vi.mocked(fetchRole).mockRejectedValue(new Error('no answer'));
  await userEvent.click(screen.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('Could not read default/builders again')).toBeTruthy();
  expect(screen.queryByRole('alertdialog')).toBeNull();
});
