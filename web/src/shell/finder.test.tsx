// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { entitiesByRefs } from '@/api/catalog';
import { ApiError } from '@/api/errors';
import { fetchBookmarks } from '@/api/portal';
import { fetchRuns } from '@/api/runs';
import { fetchSearchSources, searchEverything } from '@/api/search';
import { fetchActions } from '@/api/templates';
import type { SearchAnswer } from '@/api/types';
import { Finder } from './finder';

const push = vi.fn();
vi.mock('@tanstack/react-router', () => ({
  useNavigate: () => () => undefined,
  useRouter: () => ({ history: { push } }),
}));
vi.mock('@/api/catalog', () => ({ byTitle: '', entitiesByRefs: vi.fn() }));
vi.mock('@/api/portal', () => ({ fetchBookmarks: vi.fn() }));
vi.mock('@/api/runs', () => ({ fetchRuns: vi.fn() }));
vi.mock('@/api/search', () => ({ fetchSearchSources: vi.fn(), searchEverything: vi.fn() }));
vi.mock('@/api/templates', () => ({ fetchActions: vi.fn() }));

const nothing = { groups: [], isCorrected: false, tookMs: 1 };
const incomplete = 'Not everything could be searched: try again.';

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.mocked(fetchActions).mockResolvedValue([]);
  vi.mocked(fetchBookmarks).mockResolvedValue([]);
  vi.mocked(fetchRuns).mockResolvedValue({ runs: [], total: 0 });
  vi.mocked(entitiesByRefs).mockResolvedValue([]);
  vi.mocked(searchEverything).mockResolvedValue(nothing);
  vi.mocked(fetchSearchSources).mockResolvedValue([]);
  localStorage.clear();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function show() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Finder close={() => undefined} />
    </QueryClientProvider>,
  );
}

function type(text: string) {
  fireEvent.change(screen.getByRole('combobox'), { target: { value: text } });
}

it('asks the server when the user pauses, not at every keystroke', async () => {
  show();
  for (const text of ['s', 'sh', 'sho', 'shop']) {
    type(text);
    await act(() => vi.advanceTimersByTimeAsync(10));
  }
  expect(screen.getByRole('status').textContent).toBe('Searching …');
  expect(searchEverything).not.toHaveBeenCalled();
  expect(await screen.findByText('Nothing was found for “shop”.')).toBeTruthy();
  expect(vi.mocked(searchEverything).mock.calls.map(([{ q }]) => q)).toEqual(['shop']);
});

it('says that not everything could be searched, with and without results', async () => {
  vi.mocked(searchEverything).mockRejectedValue(new Error('The database went away'));
  show();
  type('nothing-like-it');
  expect(await screen.findByText(incomplete)).toBeTruthy();
  type('catalog');
  expect(screen.getByRole('option', { name: /Catalog/ })).toBeTruthy();
  expect(await screen.findByText(incomplete)).toBeTruthy();
  type('');
  expect(screen.queryByText(incomplete)).toBeNull();
});

it('says nothing of things without permission', async () => {
  vi.mocked(searchEverything).mockRejectedValue(
    new ApiError(new Response(null, { status: 403 }), 'NotAllowedError', 'no'),
  );
  show();
  type('shop');
  expect(await screen.findByText(/^Nothing was found for “shop”/)).toBeTruthy();
});

/** Results of one type. */
function answer(type: string, ...documents: { title: string; text: string; location: string; kind?: string }[]) {
  const results = documents.map((document) => ({
    type,
    document,
    highlight: {
      preTag: '<a1>',
      postTag: '</a1>',
      fields: { title: document.title.replace('Shop', '<a1>Shop</a1>'), text: document.text },
    },
  }));
  vi.mocked(searchEverything).mockResolvedValue({ ...nothing, groups: [{ type, count: 40, isMore: false, results }] });
}

it('groups results by type, and ends with all of them', async () => {
  answer('techdocs', { title: 'Shop guide', text: 'How to sell', location: '/docs/default/component/shop/guide/' });
  show();
  type('shop');
  const group = await screen.findByRole('group', { name: 'Documentation 40' });
  expect([...group.querySelectorAll('[role=option]')].map((option) => option.textContent)).toEqual([
    'Shop guideHow to sell',
    'All 40 in Documentation',
  ]);
  expect(group.querySelector('mark')?.textContent).toBe('Shop');
  expect(screen.getAllByRole('option').at(-1)?.textContent).toBe('All results');
});

it('opens the result of what was typed when Enter is pressed before it is there', async () => {
  answer('software-catalog', {
    title: 'Shop',
    text: '',
    location: '/catalog/default/component/shop',
    kind: 'Component',
  });
  show();
  type('shop');
  fireEvent.keyDown(screen.getByRole('combobox'), { key: 'Enter' });
  expect(push).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(push).toHaveBeenCalledWith('/catalog/default/component/shop'));
});

it('leads to the form of a template', async () => {
  answer('software-catalog', { title: 'Shop', text: '', location: '/catalog/default/template/shop', kind: 'Template' });
  show();
  type('shop');
  fireEvent.click(await screen.findByRole('option', { name: /^Shop/ }));
  expect(push).toHaveBeenCalledWith('/create/templates/default/shop');
});

it('offers what was searched before', async () => {
  answer('software-catalog', {
    title: 'Shop',
    text: '',
    location: '/catalog/default/component/shop',
    kind: 'Component',
  });
  show();
  type('shop');
  fireEvent.click(await screen.findByRole('option', { name: /^Shop/ }));
  cleanup();
  show();
  fireEvent.click(screen.getByRole('option', { name: 'shop' }));
  expect(screen.getByRole('combobox')).toHaveProperty('value', 'shop');
});

it('offers what was probably meant', async () => {
  answer('software-catalog', {
    title: 'Shop',
    text: '',
    location: '/catalog/default/component/shop',
    kind: 'Component',
  });
  const found = await searchEverything({ q: '' });
  vi.mocked(searchEverything).mockResolvedValue({ ...found, suggestion: 'shop', isCorrected: true });
  show();
  type('shpo');
  expect(await screen.findByText(/^Nothing was found for “shpo”/)).toBeTruthy();
  fireEvent.click(screen.getByRole('option', { name: /^Did you mean/ }));
  expect(screen.getByRole('combobox')).toHaveProperty('value', 'shop');
});

it('leads to the page of the portal whose title is typed, whatever else is called so', async () => {
  answer('techdocs', { title: 'Audit log', text: 'Audit log', location: '/docs/default/component/portico/audit/' });
  show();
  type('Audit log');
  expect(await screen.findByRole('group', { name: 'Documentation 40' })).toBeTruthy();
  expect(screen.getAllByRole('option')[0]?.textContent).toBe('Audit logpage');
});

function page(type: string, title: string) {
  const document = { title, text: '', location: `https://wiki.example.com/${title}`, documentType: 'runbook' };
  const highlight = { preTag: '', postTag: '', fields: {} };
  return { type, count: 1, isMore: false, results: [{ type, document, highlight }] };
}

it('shows what other systems have, waits for none of them, and says which could not be searched', async () => {
  const source = { isLive: true, isConfigured: true };
  vi.mocked(fetchSearchSources).mockResolvedValue([
    { ...source, name: 'wiki', type: 'source:wiki', title: 'Wiki', isLive: false },
    { ...source, name: 'slow', type: 'source:slow', title: 'Slow' },
    { ...source, name: 'down', type: 'source:down', title: 'Down' },
  ]);
  let answerSlow: (answer: SearchAnswer) => void = () => undefined;
  vi.mocked(searchEverything).mockImplementation(({ types }) => {
    if (types?.includes('source:slow')) return new Promise((resolve) => (answerSlow = resolve));
    const problem = { type: 'source:down', title: 'Down', message: 'It does not answer' };
    if (types) return Promise.resolve({ ...nothing, problems: [problem] });
    return Promise.resolve({ ...nothing, groups: [{ ...page('source:wiki', 'Shop on call'), title: 'Wiki' }] });
  });
  show();
  type('shop');
  expect(await screen.findByRole('option', { name: /Shop on call/ })).toBeTruthy();
  expect(screen.getAllByRole('option').map(({ textContent }) => textContent)).toEqual([
    'Shop on callrunbook',
    'All results',
  ]);
  expect(screen.getByRole('group').textContent).toContain('Wiki 1');
  expect(await screen.findByText('Down: It does not answer.')).toBeTruthy();
  await act(async () => answerSlow({ ...nothing, groups: [{ ...page('source:slow', 'Shop plan'), title: 'Slow' }] }));
  expect(await screen.findByRole('option', { name: /Shop plan/ })).toBeTruthy();
  fireEvent.click(screen.getByRole('option', { name: /All results/ }));
});
