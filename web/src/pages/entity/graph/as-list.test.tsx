// @vitest-environment happy-dom
import { cleanup, render, screen, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { AsList } from './as-list';
import type { Graph, GraphNode } from './walk';

vi.mock('@tanstack/react-router', () => ({
  getRouteApi: () => ({ useSearch: () => ({ tab: 'relations', depth: 3 }) }),
  useNavigate: () => () => undefined,
}));

afterEach(cleanup);

function node(ref: string, via?: GraphNode['via']): GraphNode {
  const name = ref.replace(/.*\//, '');
  return { ref, kind: 'component', title: name, found: name !== 'gone', distance: 1, layer: 1, ...(via && { via }) };
}

it('says each relation once, below the entity through which another was reached', () => {
  const graph: Graph = {
    nodes: [
      node('component:default/shop'),
      node('component:default/api', { ref: 'component:default/shop', type: 'dependsOn' }),
      node('component:default/web', { ref: 'component:default/shop', type: 'dependencyOf' }),
      node('component:default/gone', { ref: 'component:default/api', type: 'dependsOn' }),
    ],
    edges: [
      { from: 'component:default/shop', to: 'component:default/api', types: ['dependsOn'] },
      { from: 'component:default/web', to: 'component:default/shop', types: ['dependsOn'] },
      { from: 'component:default/api', to: 'component:default/gone', types: ['dependsOn'] },
      { from: 'component:default/web', to: 'component:default/api', types: ['dependsOn', 'consumesApi'] },
    ],
    kinds: [],
    leftOut: 0,
  };
  render(<AsList graph={graph} />);
  const items = screen.getAllByRole('listitem');
  expect(items.map((item) => item.querySelector('span')?.textContent)).toEqual([
    'depends onapi',
    'depends ongone (not in the catalog, or not for you to see)',
    'needed byweb' + 'also depends on api, uses api',
  ]);
  const below = items[0] as HTMLElement;
  expect(within(below).getAllByRole('listitem')).toHaveLength(1);
  expect(screen.getByRole('link', { name: 'api' }).getAttribute('href')).toBe(
    '/catalog/default/component/api?tab=relations&depth=3',
  );
  expect(screen.queryByRole('link', { name: /gone/ })).toBeNull();
});
