// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { authorize } from '@/api/access';
import { fetchJobs, fetchOfEntity, rerunBuild } from '@/api/systems';
import type { Build, Entity } from '@/api/types';
import { BuildsCard } from './builds-card';

vi.mock('@tanstack/react-router', () => ({ Link: () => null }));
vi.mock('@/api/access', async (original) => ({ ...(await original()), authorize: vi.fn() }));
vi.mock('@/api/systems', async (original) => ({
  ...(await original()),
  fetchOfEntity: vi.fn(),
  fetchJobs: vi.fn(),
  rerunBuild: vi.fn(),
}));

const shop: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'shop', annotations: { 'github.com/project-slug': 'acme/shop' } },
};

const failed: Build = {
  id: 'github-7',
  source: 'github.com',
  name: 'CI',
  title: 'Sell more',
  branch: 'main',
  commit: '0123456789abcdef',
  status: 'failed',
  trigger: 'workflow_dispatch',
  startedAt: '2026-11-30T06:00:00Z',
  seconds: 83,
  by: 'ann',
  url: 'https://github.com/acme/shop/actions/runs/7',
  canRerun: true,
};

beforeEach(() => {
  vi.mocked(authorize).mockImplementation(async (needed) => needed.map(() => true));
  vi.mocked(fetchOfEntity).mockResolvedValue({ items: [failed], problems: [] });
  vi.mocked(rerunBuild).mockResolvedValue();
});

afterEach(() => {
  cleanup();
  vi.resetAllMocks();
});

function show(entity: Entity = shop) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return render(
    <QueryClientProvider client={queries}>
      <BuildsCard entity={entity} />
    </QueryClientProvider>,
  );
}

describe('the builds of an entity', () => {
  it('say what was built, by whom, and how it ended', async () => {
    show();
    const row = await screen.findByRole('listitem');
    expect(within(row).getByRole('link', { name: /^CI/ }).getAttribute('href')).toBe(failed.url);
    for (const text of ['Failed', 'Sell more', 'main', '0123456', 'workflow dispatch', 'by ann', 'took 1 min 23 s']) {
      expect(row.textContent).toContain(text);
    }
    expect(fetchOfEntity).toHaveBeenCalledWith('builds', 'component:default/shop', expect.anything());
  });

  it('are not asked for where no repository is named', () => {
    const { container } = show({ ...shop, metadata: { name: 'shop' } });
    expect(container.innerHTML).toBe('');
    expect(authorize).not.toHaveBeenCalled();
  });

  it('show their jobs on demand', async () => {
    vi.mocked(fetchJobs).mockResolvedValue({
      items: [{ name: 'unit', stage: 'test', status: 'skipped', url: 'https://gitlab.com/acme/shop/-/jobs/1' }],
    });
    show();
    const button = await screen.findByRole('button', { name: 'Jobs of CI' });
    expect(button.getAttribute('aria-expanded')).toBe('false');
    expect(fetchJobs).not.toHaveBeenCalled();
    await userEvent.click(button);
    const job = await screen.findByRole('link', { name: /test: unit/ });
    expect(job.closest('li')?.textContent).toContain('Skipped');
    await userEvent.click(button);
    expect(screen.queryByRole('link', { name: /test: unit/ })).toBeNull();
  });

  it('are run again, and then asked for again', async () => {
    show();
    await userEvent.click(await screen.findByRole('button', { name: 'Run again: CI' }));
    expect(rerunBuild).toHaveBeenCalledWith('component:default/shop', 'github-7');
    await vi.waitFor(() => expect(fetchOfEntity).toHaveBeenCalledTimes(2));
  });

  it('say why they are not run again', async () => {
    vi.mocked(rerunBuild).mockRejectedValue(new Error('This workflow is already running'));
    show();
    await userEvent.click(await screen.findByRole('button', { name: 'Run again: CI' }));
    expect((await screen.findByRole('alert')).textContent).toBe('This workflow is already running');
  });

  it.each([
    ['nobody may', failed, false],
    ['the host does not', { ...failed, canRerun: false }, true],
  ])('have no button where %s run them again', async (_, build, may) => {
    vi.mocked(fetchOfEntity).mockResolvedValue({ items: [build], problems: [] });
    vi.mocked(authorize).mockImplementation(async (needed) =>
      needed.map(({ permission }) => may || permission !== 'portico.build.rerun'),
    );
    show();
    await screen.findByRole('button', { name: 'Jobs of CI' });
    expect(screen.queryByRole('button', { name: /Run again/ })).toBeNull();
  });

  it('are five at first', async () => {
    const builds = Array.from({ length: 7 }, (_, number) => ({ ...failed, id: `github-${number}` }));
    vi.mocked(fetchOfEntity).mockResolvedValue({ items: builds, problems: [] });
    show();
    await userEvent.click(await screen.findByRole('button', { name: '2 older builds' }));
    expect(screen.getAllByRole('listitem')).toHaveLength(7);
  });
});
