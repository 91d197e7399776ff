// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  fetchPluginPolicies,
  fetchPluginRules,
  fetchRole,
  fetchRoleAccess,
  previewChanges,
  saveRole,
} from '@/api/access';
import { queryEntities } from '@/api/catalog';
import { ApiError } from '@/api/errors';
import { session } from '@/api/session';
import type { WholeRole } from '@/api/types';
import { EditRolePage, NewRolePage } from './editor-page';

vi.mock('@tanstack/react-router', () => ({
  Link: ({ children }: { children: ReactNode }) => <span>{children}</span>,
  getRouteApi: () => ({ useParams: () => ({ namespace: 'default', name: 'builders' }) }),
  useBlocker: () => ({ status: 'idle' }),
  useNavigate: () => () => Promise.resolve(),
}));
vi.mock('@/api/session', async (original) => ({ ...(await original()), session: vi.fn() }));
vi.mock('@/api/access', async (original) => ({
  ...(await original()),
  fetchPluginPolicies: vi.fn(),
  fetchPluginRules: vi.fn(),
  fetchRole: vi.fn(),
  fetchRoleAccess: vi.fn(),
  saveRole: vi.fn(),
  previewChanges: vi.fn(),
}));
vi.mock('@/api/catalog', async (original) => ({ ...(await original()), queryEntities: vi.fn() }));

// The whole form takes its time to draw on a busy machine.
vi.setConfig({ testTimeout: 20_000 });
configure({ asyncUtilTimeout: 10_000 });

beforeEach(() => {
  // Titles are not answered.
  vi.stubGlobal('fetch', () => new Promise(() => undefined));
  vi.mocked(session).mockResolvedValue({
    backstageIdentity: { identity: { userEntityRef: 'user:default/ada' } },
  } as Awaited<ReturnType<typeof session>>);
  vi.mocked(fetchRoleAccess).mockResolvedValue({ read: 'ALLOW', create: 'ALLOW' });
  vi.mocked(fetchPluginPolicies).mockResolvedValue([]);
  vi.mocked(fetchPluginRules).mockResolvedValue([]);
  vi.mocked(queryEntities).mockResolvedValue({ items: [], totalItems: 0, pageInfo: {} });
  vi.mocked(previewChanges).mockResolvedValue({
    people: { compared: 1, affected: 0, gain: 0, lose: 0, alter: 0 },
    permissions: [],
    items: [],
    problems: [],
    incomplete: [],
  });
  vi.mocked(saveRole).mockReset();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function show(page: ReactNode) {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      {page}
    </QueryClientProvider>,
  );
}

it.each<[string, { mockRejectedValueOnce: (error: Error) => unknown }, string]>([
  ['who may create roles', vi.mocked(fetchRoleAccess), 'Could not begin a new role'],
  ['who is signed in', vi.mocked(session), 'Could not begin a new role'],
  ['the permissions', vi.mocked(fetchPluginPolicies), 'Could not list the permissions of plugins'],
  ['the rules', vi.mocked(fetchPluginRules), 'Could not list the rules of conditions'],
  ['users and groups', vi.mocked(queryEntities), 'Could not find users and groups'],
])('a new role: says that %s could not be read, and tries again', async (_what, request, words) => {
  request.mockRejectedValueOnce(new Error('no answer'));
  show(<NewRolePage />);
  expect(await screen.findByText(words)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('heading', { name: 'New role' })).toBeTruthy();
  expect(screen.queryByText(words)).toBeNull();
});

const deep = (levels: number): object =>
  levels === 0 ? { rule: 'X', resourceType: 'catalog-entity', params: {} } : { not: deep(levels - 1) };

const builders: WholeRole = {
  name: 'role:default/builders',
  source: 'rest',
  description: 'Build',
  owner: 'user:default/ada',
  author: '',
  modifiedBy: '',
  createdAt: '',
  lastModified: '',
  isDefault: false,
  version: 'v1',
  mayUpdate: true,
  mayDelete: true,
  members: [{ entityRef: 'user:default/ada' }],
  policies: [],
  conditions: [
    {
      id: 7,
      result: 'CONDITIONAL',
      roleEntityRef: 'role:default/builders',
      pluginId: 'catalog',
      resourceType: 'catalog-entity',
      permissionMapping: [{ name: 'catalog.entity.read', action: 'read' }],
      conditions: deep(20),
      source: 'rest',
    },
  ],
};

it('a role with criteria that the form cannot show is edited otherwise, although the rules could not be loaded', async () => {
  vi.mocked(fetchRole).mockResolvedValue(builders);
  vi.mocked(fetchPluginRules).mockRejectedValue(new Error('no answer'));
  show(<EditRolePage />);
  expect(await screen.findByText(/The form cannot show these criteria: .*more than 12 levels/)).toBeTruthy();
  fireEvent.change(screen.getByRole('textbox', { name: 'Description' }), { target: { value: 'Build things' } });
  fireEvent.click(screen.getByRole('button', { name: 'Review changes' }));
  expect(screen.getByRole('heading', { name: 'Review the changes of default/builders' })).toBeTruthy();
});

it('says which parts have to be corrected', async () => {
  vi.mocked(fetchRole).mockResolvedValue(builders);
  show(<EditRolePage />);
  fireEvent.click(await screen.findByRole('checkbox', { name: 'catalog.entity.read' }));
  fireEvent.click(screen.getByRole('button', { name: 'Remove user:default/ada' }));
  fireEvent.click(screen.getByRole('button', { name: 'Review changes' }));
  expect(screen.getByText('Correct above: members, condition 1.')).toBeTruthy();
});

it('says in the review why a change would be refused, and not to reload the page', async () => {
  vi.mocked(fetchRole).mockResolvedValue(builders);
  const response = new Response(null, { status: 409 });
  vi.mocked(previewChanges).mockRejectedValue(new ApiError(response, 'ConflictError', 'changes[0]: It was changed'));
  show(<EditRolePage />);
  fireEvent.change(await screen.findByRole('textbox', { name: 'Description' }), { target: { value: 'Other' } });
  fireEvent.click(screen.getByRole('button', { name: 'Review changes' }));
  expect(await screen.findByText('This cannot be saved as it is. It was changed.')).toBeTruthy();
  expect(screen.queryByText(/Reload/)).toBeNull();
});

it('renames a role, and says so where the name is taken', async () => {
  vi.mocked(fetchRole).mockResolvedValue(builders);
  vi.mocked(saveRole).mockRejectedValueOnce(
    new ApiError(new Response(null, { status: 409 }), 'ConflictError', 'taken'),
  );
  show(<EditRolePage />);
  const rename = (name: string) =>
    fireEvent.change(screen.getByRole('textbox', { name: 'Name' }), { target: { value: name } });
  await screen.findByRole('textbox', { name: 'Name' });
  rename('default/taken');
  fireEvent.click(screen.getByRole('button', { name: 'Review changes' }));
  expect(screen.getByText('Changed name:').parentElement?.textContent).toBe('Changed name: default/taken');
  await screen.findByText(/Nobody gains or loses anything/);
  fireEvent.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText(/There is already a role default\/taken/)).toBeTruthy();

  fireEvent.click(screen.getByRole('button', { name: 'Back' }));
  rename('default/makers');
  expect(screen.queryByText(/There is already a role/)).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'Review changes' }));
  await screen.findByText(/Nobody gains or loses anything/);
  fireEvent.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(saveRole).toHaveBeenCalledTimes(2));
  const [path, draft] = vi.mocked(saveRole).mock.lastCall ?? [];
  expect([path, draft?.name, draft?.version]).toEqual(['default/builders', 'role:default/makers', 'v1']);
});
