// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { authorize } from '@/api/access';
import { fetchContainerLog, fetchKubernetesObjects } from '@/api/systems';
import type { Entity } from '@/api/types';
import { clusterWith, pod } from './kubernetes/fixtures';
import { KubernetesCard } from './kubernetes-card';

vi.mock('@tanstack/react-router', () => ({ Link: () => null }));
vi.mock('@/api/access', async (original) => ({ ...(await original()), authorize: vi.fn(async () => [true]) }));
vi.mock('@/api/systems', async (original) => ({
  ...(await original()),
  fetchContainerLog: vi.fn(),
  fetchKubernetesObjects: vi.fn(),
}));

const crashing = pod('shop-1', {
  restartCount: 3,
  ready: false,
  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
});
const cluster = clusterWith(
  {
    deployments: [{ metadata: { name: 'shop', namespace: 'shop', uid: 'shop' }, spec: { replicas: 2 } }],
    services: [{ metadata: { name: 'shop' } }],
    pods: [crashing],
  },
  {
    podMetrics: [
      {
        pod: crashing as never,
        cpu: { currentUsage: 0.1, requestTotal: 0, limitTotal: 0 },
        memory: { currentUsage: 1024 ** 2, requestTotal: 0, limitTotal: 0 },
        containers: [],
      },
    ],
  },
);

beforeEach(() => {
  vi.mocked(fetchKubernetesObjects).mockReset();
  vi.mocked(fetchContainerLog).mockReset();
  vi.mocked(fetchKubernetesObjects).mockResolvedValue({ items: [cluster] });
});

afterEach(cleanup);

function show(annotations: Record<string, string>) {
  const entity: Entity = { apiVersion: 'v1', kind: 'Component', metadata: { name: 'shop', annotations } };
  return render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <KubernetesCard entity={entity} />
    </QueryClientProvider>,
  );
}

it('asks nothing about an entity that names no objects', () => {
  const { container } = show({});
  expect(container.innerHTML).toBe('');
  expect(authorize).not.toHaveBeenCalled();
});

it('shows what runs in a cluster', async () => {
  show({ 'backstage.io/kubernetes-id': 'shop' });
  expect(await screen.findByRole('heading', { name: 'Development' })).toBeTruthy();
  expect(fetchKubernetesObjects).toHaveBeenCalledWith('component:default/shop', expect.anything());
  expect(screen.getByRole('heading', { name: 'Deployment shop' }).parentElement?.textContent).toContain('0 of 2 ready');
  expect(screen.getByRole('list', { name: 'What is wrong' }).textContent).toContain('CrashLoopBackOff');
  const cells = screen.getAllByRole('row')[1]?.textContent;
  expect(cells).toBe('shop-1CrashLoopBackOff3100m1.0 MiB');
  expect(screen.getByText('Also there: 1 service.')).toBeTruthy();
});

it('opens the log before the restart, and the log of the present run', async () => {
  vi.mocked(fetchContainerLog).mockImplementation(async (_, { previous }) => (previous ? 'it crashed\n' : ''));
  show({ 'backstage.io/kubernetes-id': 'shop' });
  const [button] = await screen.findAllByRole('button', { name: 'Log of Pod shop-1, container main' });
  if (!button) throw new Error('no button');
  await userEvent.click(button);
  const dialog = within(await screen.findByRole('dialog', { name: 'Log of shop-1' }));
  expect(await dialog.findByText('it crashed')).toBeTruthy();
  expect(fetchContainerLog).toHaveBeenLastCalledWith(
    { cluster: 'dev', namespace: 'shop', pod: 'shop-1', container: 'main' },
    { tailLines: 200, previous: true },
    expect.anything(),
  );
  await userEvent.click(dialog.getByRole('checkbox', { name: 'Before the last restart' }));
  expect(await dialog.findByText('The container has not written anything.')).toBeTruthy();
  await userEvent.selectOptions(dialog.getByRole('combobox', { name: 'Lines' }), '1000');
  await waitFor(() =>
    expect(fetchContainerLog).toHaveBeenLastCalledWith(
      expect.anything(),
      { tailLines: 1000, previous: false },
      expect.anything(),
    ),
  );
  await userEvent.click(dialog.getByRole('button', { name: 'Close' }));
  expect(screen.queryByRole('dialog')).toBeNull();
});

it('says why a cluster cannot be asked', async () => {
  const message = 'reading pods: the cluster prod could not be reached';
  vi.mocked(fetchKubernetesObjects).mockResolvedValue({
    items: [{ ...clusterWith({}), cluster: { name: 'prod' }, errors: [{ errorType: 'FETCH_ERROR', message }] }],
  });
  show({ 'backstage.io/kubernetes-id': 'shop' });
  expect((await screen.findByRole('listitem')).textContent).toBe('prod: the cluster prod could not be reached');
});
