// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { authorize } from '@/api/access';
import { fetchOfEntity } from '@/api/systems';
import type { Entity, PullRequest } from '@/api/types';
import { PullRequestsCard } from './pull-requests-card';

vi.mock('@tanstack/react-router', () => ({ Link: () => null }));
vi.mock('@/api/access', async (original) => ({ ...(await original()), authorize: vi.fn() }));
vi.mock('@/api/systems', async (original) => ({ ...(await original()), fetchOfEntity: vi.fn() }));

const shop: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'shop', annotations: { 'gitlab.com/project-id': '42' } },
};

const proposed: PullRequest = {
  source: 'gitlab.com',
  number: 12,
  title: 'Sell more',
  author: 'ann',
  draft: false,
  review: 'pending',
  branch: 'more',
  target: 'main',
  url: 'https://gitlab.com/acme/shop/-/merge_requests/12',
};

beforeEach(() => {
  vi.mocked(authorize).mockResolvedValue([true]);
});

afterEach(() => {
  cleanup();
  vi.resetAllMocks();
});

async function row(pull: Partial<PullRequest>): Promise<HTMLElement> {
  vi.mocked(fetchOfEntity).mockResolvedValue({ items: [{ ...proposed, ...pull }], problems: [] });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <PullRequestsCard entity={shop} />
    </QueryClientProvider>,
  );
  return screen.findByRole('listitem');
}

describe('an open pull request', () => {
  it('leads to its page, and says what is to be merged', async () => {
    const shown = await row({});
    expect(screen.getByRole('link', { name: /^Sell more/ }).getAttribute('href')).toBe(proposed.url);
    for (const text of ['#12', 'by ann', 'more into main']) expect(shown.textContent).toContain(text);
    expect(shown.textContent).not.toContain('Draft');
    expect(fetchOfEntity).toHaveBeenCalledWith('pull-requests', 'component:default/shop', expect.anything());
  });

  it.each([
    ['pending', 'Waits for a review'],
    ['approved', 'Approved'],
    ['changesRequested', 'Changes requested'],
  ] as const)('says in words that its review is %s', async (review, word) => {
    expect((await row({ review })).textContent).toContain(word);
  });

  it('says that it is a draft', async () => {
    expect((await row({ draft: true })).textContent).toContain('Draft');
  });
});
