// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { fetchFacets } from '@/api/catalog';
import { FacetList } from './facet-list';

vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useSearch: () => ({}), useNavigate: () => () => undefined }),
}));
vi.mock('@/api/catalog', () => ({ byTitle: '', fetchFacets: vi.fn() }));

afterEach(cleanup);

it('keeps the search box of a facet while it has a text', async () => {
  const values = Array.from({ length: 9 }, (_, index) => ({ value: `type-${index}`, count: 1 }));
  vi.mocked(fetchFacets).mockImplementation(async ([path = ''], _, text) => ({
    [path]: path === 'spec.type' ? values.slice(0, text ? 2 : 9) : [],
  }));
  const queries = new QueryClient();
  const list = (text?: string) => (
    <QueryClientProvider client={queries}>
      <FacetList kinds={['component']} text={text} />
    </QueryClientProvider>
  );
  const { rerender } = render(list());
  const find = await screen.findByLabelText<HTMLInputElement>('Find in Type');
  fireEvent.change(find, { target: { value: 'type-8' } });
  rerender(list('web'));
  await screen.findByText('None is called “type-8”.');
  fireEvent.change(screen.getByLabelText('Find in Type'), { target: { value: '' } });
  expect(screen.getByLabelText('type-1', { exact: false })).toBeTruthy();
  expect(screen.queryByLabelText('Find in Type')).toBeNull();
});
