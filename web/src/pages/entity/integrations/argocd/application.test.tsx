// @vitest-environment happy-dom
import { cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it } from 'vitest';
import type { ArgoCDApplication } from '@/api/types';
import { Application } from './application';

afterEach(cleanup);

const commit = '0123456789abcdef0123456789abcdef01234567';
const repository = 'https://git.example.com/acme/shop';

const healthy: ArgoCDApplication = {
  instance: 'main',
  namespace: 'argocd',
  name: 'shop',
  project: 'team',
  url: 'https://argocd.example.com/applications/argocd/shop',
  destination: { cluster: 'in-cluster', namespace: 'shop' },
  sync: 'Synced',
  health: 'Healthy',
  revisions: [{ id: commit, url: `${repository}/commit/${commit}`, repository }],
  images: ['registry.example.com/shop:1'],
  conditions: [],
  history: [],
};

function show(change: Partial<ArgoCDApplication> = {}, of = healthy) {
  render(<Application application={{ ...of, ...change }} />);
  return within(screen.getByRole('article', { name: 'shop' }));
}

it('says in words how the application is, and leads to Argo CD and to the commit', () => {
  const shown = show();
  expect(shown.getByText('Synced')).toBeTruthy();
  expect(shown.getByText('Healthy')).toBeTruthy();
  expect(shown.getByRole('link', { name: /^shop/ }).getAttribute('href')).toBe(healthy.url);
  expect(shown.getByRole('link', { name: /^0123456/ }).getAttribute('href')).toBe(`${repository}/commit/${commit}`);
  expect(shown.getByText('shop in in-cluster')).toBeTruthy();
  expect(shown.queryByText('History')).toBeNull();
});

it('says what is wrong', () => {
  const shown = show({
    sync: 'OutOfSync',
    health: 'Degraded',
    healthMessage: 'crash loop',
    conditions: [
      { type: 'ComparisonError', message: 'app path does not exist' },
      { type: 'OrphanedResourceWarning', message: 'a resource is left' },
    ],
    operation: { phase: 'Failed', message: 'a webhook denied it', by: 'ada', finishedAt: '2026-01-02T00:00:00Z' },
  });
  expect(shown.getByText('Out of sync')).toBeTruthy();
  expect(shown.getByText('Degraded')).toBeTruthy();
  expect(shown.getByText('crash loop')).toBeTruthy();
  const reported = within(shown.getByRole('list', { name: 'What Argo CD reports' })).getAllByRole('listitem');
  expect(within(reported[0] as HTMLElement).getByLabelText('error')).toBeTruthy();
  expect(within(reported[1] as HTMLElement).getByLabelText('warning')).toBeTruthy();
  expect(shown.getByText('failed')).toBeTruthy();
  expect(shown.getByText('a webhook denied it')).toBeTruthy();
  expect(shown.getByText('by ada')).toBeTruthy();
});

it('shows the history to who opens it', async () => {
  const shown = show({
    history: [
      { id: 2, deployedAt: '2026-01-02T00:00:00Z', by: 'Argo CD', revisions: healthy.revisions },
      {
        id: 1,
        deployedAt: '2026-01-01T00:00:00Z',
        revisions: [{ id: '1.2.3', repository: 'https://charts.example.com' }],
      },
    ],
  });
  await userEvent.click(shown.getByText('History'));
  expect(shown.getByText('by Argo CD')).toBeTruthy();
  expect(shown.getByText('1.2.3')).toBeTruthy();
});

it('shows an application without an address, of which nothing is known yet', () => {
  const { url: _, ...withoutAddress } = healthy;
  const shown = show({ sync: 'Unknown', health: 'Unknown', revisions: [], images: [] }, withoutAddress);
  expect(shown.queryByRole('link')).toBeNull();
  expect(shown.getByText('Sync unknown')).toBeTruthy();
  expect(shown.getByText('Health unknown')).toBeTruthy();
  expect(shown.queryByText('Revision')).toBeNull();
});

it('says that it is being deleted', () => {
  expect(show({ deleting: true }).getByText('Being deleted')).toBeTruthy();
});
