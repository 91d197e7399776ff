// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor, within } from '@testing-library/react';
import userEvent, { PointerEventsCheckLevel } from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { authorize, fetchExplanation } from '@/api/access';
import {
  deleteEntity,
  deleteLocation,
  entitiesOfOrigin,
  fetchAncestry,
  fetchLocationOf,
  refreshEntity,
} from '@/api/catalog';
import { ApiError } from '@/api/errors';
import type { Ancestry, Entity } from '@/api/types';
import { useEntityMoves } from './entity-moves';

const { navigate } = vi.hoisted(() => ({ navigate: vi.fn() }));
vi.mock('@tanstack/react-router', () => ({
  useNavigate: () => navigate,
  Link: ({ children, title }: { children: React.ReactNode; title?: string }) => (
    <a href="/" title={title}>
      {children}
    </a>
  ),
}));
vi.mock('@/api/access', async (original) => ({ ...(await original()), authorize: vi.fn(), fetchExplanation: vi.fn() }));
vi.mock('@/api/catalog', async (original) => ({
  ...(await original()),
  deleteEntity: vi.fn(),
  deleteLocation: vi.fn(),
  entitiesByRefs: vi.fn(async () => []),
  entitiesOfOrigin: vi.fn(),
  fetchAncestry: vi.fn(),
  fetchLocationOf: vi.fn(),
  refreshEntity: vi.fn(),
}));

const target = 'https://git.example/acme/web/blob/main/catalog-info.yaml';
const location = { id: 'l1', type: 'url', target, entityRef: 'location:default/generated-1' };

function component(name: string, annotations: Record<string, string> = {}): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: { name, uid: `uid-${name}`, etag: '1', annotations },
  };
}

const web = component('web');

/** The ancestors of the component web in one of its versions. */
function ancestry(etag: string, ...errorsAbove: string[]): Ancestry {
  const items = errorsAbove.map((message) => ({
    type: 'backstage.io/catalog-processing',
    level: 'error' as const,
    message,
  }));
  const above = {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Location',
    metadata: { name: 'root' },
    status: { items },
  };
  return {
    rootEntityRef: 'component:default/web',
    items: [
      { entity: { ...web, metadata: { ...web.metadata, etag } }, parentEntityRefs: ['location:default/root'] },
      { entity: above, parentEntityRefs: [] },
    ],
  };
}

function page(totalItems: number, ...names: string[]) {
  return { items: names.map((name) => component(name)), totalItems, pageInfo: {} };
}

/** Denies some permissions, and allows all others. */
function deny(...denied: string[]) {
  vi.mocked(authorize).mockImplementation(async (needed) =>
    needed.map(({ permission }) => !denied.includes(permission)),
  );
}

beforeEach(() => {
  vi.resetAllMocks();
  navigate.mockResolvedValue(undefined);
  deny();
  vi.mocked(fetchExplanation).mockResolvedValue({
    changes: [{ do: 'join', role: 'role:default/operators', owner: 'group:default/platform' }],
    maintainers: [],
  } as never);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

/** The part of the entity's page that shows its moves. */
function Header({ entity }: { entity: Entity }) {
  const { menu, outcome } = useEntityMoves(entity);
  return (
    <>
      {menu}
      {outcome}
    </>
  );
}

async function choose(entity: Entity, item: RegExp) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Header entity={entity} />
    </QueryClientProvider>,
  );
  const answers = () => queries.getQueryCache().findAll({ queryKey: ['may'] });
  await waitFor(() => expect(answers().map(({ state }) => state.status)).toEqual(['success', 'success']));
  // While the menu closes, the page takes no pointer events, and Radix renders the dialog once more before it takes
  // them. The browser tests click here for real.
  const user = userEvent.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never });
  screen.getByRole('button', { name: /^What to do with/ }).focus();
  await user.keyboard('{Enter}');
  await user.click(await screen.findByRole('menuitem', { name: item }));
  return user;
}

const said = () => screen.getByRole('status').textContent;

it('says of a refresh that it was asked for, then that the entity has changed', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.mocked(fetchAncestry).mockResolvedValue(ancestry('1'));
  await choose(web, /^Refresh$/);
  await waitFor(() => expect(said()).toContain('Waiting for a change'));
  expect(refreshEntity).toHaveBeenCalledWith('component:default/web');
  vi.mocked(fetchAncestry).mockResolvedValue(ancestry('2'));
  await vi.advanceTimersByTimeAsync(1500);
  await waitFor(() => expect(said()).toBe('It was read again, and has changed.The catalog has no errors for it.'));
});

it('never says that it was read when nothing has changed, and shows the errors of the locations above', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.mocked(fetchAncestry).mockResolvedValue(ancestry('1', 'the file is not there'));
  await choose(web, /^Refresh$/);
  await waitFor(() => expect(said()).toContain('Waiting for a change'));
  await vi.advanceTimersByTimeAsync(20_000);
  await waitFor(() => expect(said()).toContain('Nothing has changed within 15 s'));
  expect(said()).toContain('the file is not there');
});

it('says that the entity is gone when its source no longer has it', async () => {
  vi.mocked(fetchAncestry).mockResolvedValueOnce(ancestry('1'));
  vi.mocked(fetchAncestry).mockRejectedValue(new ApiError(new Response(null, { status: 404 }), 'NotFoundError', ''));
  await choose(web, /^Refresh$/);
  await waitFor(() => expect(said()).toContain('no longer in the catalog'));
});

it.each([
  ['catalog.entity.refresh', /^Refresh \(not allowed\)$/, web],
  ['catalog.location.delete', /^Unregister… \(not allowed\)$/, web],
  ['catalog.entity.delete', /^Delete entity… \(not allowed\)$/, component('web', { 'backstage.io/orphan': 'true' })],
])('without %s, the menu says why, and whom to ask', async (permission, item, entity) => {
  deny(permission);
  await choose(entity, item);
  await waitFor(() => expect(said()).toMatch(/Ask .*platform.* for role:default\/operators/));
  expect(said()).toContain(`You may not ${permission}`);
  expect(refreshEntity).not.toHaveBeenCalled();
  expect(fetchLocationOf).not.toHaveBeenCalled();
});

it('unregisters the location after it has said what goes with it, and leaves for the catalog', async () => {
  vi.mocked(fetchLocationOf).mockResolvedValue(location);
  vi.mocked(entitiesOfOrigin)
    .mockResolvedValueOnce(page(102, 'web', 'api'))
    .mockResolvedValue(page(0));
  const user = await choose(web, /^Unregister…$/);
  const dialog = within(await screen.findByRole('alertdialog', { name: 'Unregister web?' }));
  expect(entitiesOfOrigin).toHaveBeenCalledWith(`url:${target}`, 100);
  expect(dialog.getByText(target)).toBeTruthy();
  expect(dialog.getByText(/102 entities go from the catalog/)).toBeTruthy();
  expect(dialog.getAllByRole('listitem').map(({ textContent }) => textContent)).toEqual(['web', 'api', 'and 100 more']);
  expect(deleteLocation).not.toHaveBeenCalled();

  await user.click(dialog.getByRole('button', { name: 'Unregister location' }));
  await waitFor(() => expect(navigate).toHaveBeenCalledTimes(1));
  expect(deleteLocation).toHaveBeenCalledWith('l1');
  expect(navigate).toHaveBeenCalledWith({
    to: '/catalog',
    search: {},
    state: { notice: `${target} was unregistered, and everything that came from it is gone.` },
  });
});

it('names what stays and refers to what goes', async () => {
  vi.mocked(fetchLocationOf).mockResolvedValue(location);
  const going = page(2, 'web', 'api');
  const relations = [
    { type: 'dependencyOf', targetRef: 'component:default/api' },
    { type: 'dependencyOf', targetRef: 'component:default/shop' },
    { type: 'dependsOn', targetRef: 'resource:default/db' },
    { type: 'apiConsumedBy', targetRef: 'component:default/shop' },
  ];
  vi.mocked(entitiesOfOrigin).mockResolvedValue({
    ...going,
    items: going.items.map((item) => ({ ...item, relations })),
  });
  await choose(web, /^Unregister…$/);
  const dialog = within(await screen.findByRole('alertdialog', { name: 'Unregister web?' }));
  const stays = within(dialog.getByRole('list', { name: 'What stays and refers to it' }));
  expect(stays.getAllByRole('listitem').map(({ textContent }) => textContent)).toEqual(['shop']);
  expect(dialog.getByText(/^1 entity stays and may then refer to nothing/)).toBeTruthy();
});

it.each([
  ['some entities have stayed', async () => page(2), '2 entities that came from it are still here'],
  ['the catalog does not answer', async () => Promise.reject(new Error('no answer')), `${target} was unregistered.`],
])('says what is known after unregistering when %s', async (_, after, notice) => {
  vi.mocked(fetchLocationOf).mockResolvedValue(location);
  vi.mocked(entitiesOfOrigin).mockResolvedValueOnce(page(1, 'web')).mockImplementation(after);
  const user = await choose(web, /^Unregister…$/);
  await user.click(await screen.findByRole('button', { name: 'Unregister location' }));
  await waitFor(() => expect(navigate.mock.calls[0]?.[0].state.notice).toContain(notice));
});

it('keeps everything when it is not confirmed, and gives the focus back to the menu', async () => {
  vi.mocked(fetchLocationOf).mockResolvedValue(location);
  vi.mocked(entitiesOfOrigin).mockResolvedValue(page(1, 'web'));
  const user = await choose(web, /^Unregister…$/);
  await user.click(await screen.findByRole('button', { name: 'Keep it as it is' }));
  expect(screen.queryByRole('alertdialog')).toBeNull();
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole('button', { name: /^What to do with/ })));
  expect(deleteLocation).not.toHaveBeenCalled();
});

it('stays on the page, and says why, when the location could not be removed', async () => {
  vi.mocked(fetchLocationOf).mockResolvedValue(location);
  vi.mocked(entitiesOfOrigin).mockResolvedValue(page(1, 'web'));
  vi.mocked(deleteLocation).mockRejectedValue(new Error('This operation not allowed in readonly mode'));
  const user = await choose(web, /^Unregister…$/);
  await user.click(await screen.findByRole('button', { name: 'Unregister location' }));
  await waitFor(() => expect(said()).toContain('Could not remove web'));
  expect(navigate).not.toHaveBeenCalled();
});

it('deletes an entity that no location has any more, alone', async () => {
  const user = await choose(component('web', { 'backstage.io/orphan': 'true' }), /^Delete entity…$/);
  expect(await screen.findByText(/No location has it any more/)).toBeTruthy();
  await user.click(screen.getByRole('button', { name: 'Delete entity' }));
  await waitFor(() => expect(deleteEntity).toHaveBeenCalledWith('uid-web'));
  expect(navigate.mock.calls[0]?.[0].state.notice).toBe('web was deleted.');
  expect(fetchLocationOf).not.toHaveBeenCalled();
});

const configured = component('web', {
  'backstage.io/managed-by-origin-location': 'file:/etc/portico/all.yaml',
  'backstage.io/managed-by-location': 'file:/etc/portico/web.yaml',
});

it('says of an entity of the configuration where it is configured, and asks nothing', async () => {
  vi.mocked(fetchLocationOf).mockResolvedValue(undefined);
  await choose(configured, /^Unregister…$/);
  await waitFor(() => expect(said()).toContain('cannot be unregistered here: it comes from the configuration'));
  expect(said()).toContain('catalog.locations names /etc/portico/all.yaml');
  expect(said()).toContain('Take the entity out of /etc/portico/web.yaml');
  expect(screen.queryByRole('alertdialog')).toBeNull();
});

it('does not take an entity for a configured one when its location is not to be seen', async () => {
  deny('catalog.location.read');
  vi.mocked(fetchLocationOf).mockResolvedValue(undefined);
  await choose(configured, /^Unregister…$/);
  await waitFor(() => expect(said()).toContain('You may not catalog.location.read'));
});
