import { describe, expect, it, vi } from 'vitest';
import type { Entity } from '@/api/types';
import { mostNodes, type WalkOptions, walk } from './walk';

function entity(ref: string, relations: Record<string, string[]> = {}): Entity {
  const [, kind = '', name = ''] = /^(.*):default\/(.*)$/.exec(ref) ?? [];
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: kind.replace(/^./, (letter) => letter.toUpperCase()),
    metadata: { name, namespace: 'default', title: name.toUpperCase() },
    relations: Object.entries(relations).flatMap(([type, refs]) =>
      refs.map((targetRef) => ({ type, targetRef: `${targetRef.replace(':', ':default/')}` })),
    ),
  };
}

const shop = entity('component:default/shop', {
  ownedBy: ['group:team'],
  dependsOn: ['resource:db'],
  dependencyOf: ['component:web'],
});
const others: Entity[] = [
  entity('group:default/team', { ownerOf: ['component:shop', 'component:till'], childOf: ['group:all'] }),
  entity('resource:default/db', { dependencyOf: ['component:shop', 'component:till'], ownedBy: ['group:team'] }),
  entity('component:default/web', {
    dependsOn: ['component:shop'],
    ownedBy: ['group:front'],
    dependencyOf: ['component:app'],
  }),
  entity('component:default/till', { ownedBy: ['group:team'], dependsOn: ['resource:db'] }),
  entity('group:default/all', { parentOf: ['group:team'] }),
  entity('component:default/app', { dependsOn: ['component:web'] }),
];

const load = vi.fn(async (refs: string[]) =>
  refs.map((ref) => others.find((item) => `${item.kind.toLowerCase()}:default/${item.metadata.name}` === ref) ?? null),
);

async function around(options: Partial<WalkOptions> = {}) {
  load.mockClear();
  const graph = await walk(shop, { depth: 2, direction: 'both', hidden: [], ...options }, load);
  return { graph, names: graph.nodes.map(({ ref }) => ref.replace(/.*\//, '')) };
}

describe('walk', () => {
  it('goes away from the entity both ways, with a request for each step', async () => {
    const { graph, names } = await around();
    expect(names).toEqual(['shop', 'team', 'db', 'web', 'all', 'app']);
    expect(load).toHaveBeenCalledTimes(2);
    const layers = Object.fromEntries(graph.nodes.map(({ ref, layer }) => [ref.replace(/.*\//, ''), layer]));
    expect(layers).toEqual({ shop: 0, team: 1, db: 1, web: -1, all: 2, app: -2 });
    expect(graph.nodes[1]).toMatchObject({ title: 'TEAM', kind: 'group', found: true, distance: 1 });
  });

  it('follows one way, or everything', async () => {
    expect((await around({ direction: 'forward' })).names).toEqual(['shop', 'team', 'db', 'all']);
    expect((await around({ direction: 'backward' })).names).toEqual(['shop', 'web', 'app']);
    expect((await around({ direction: 'all' })).names).toEqual([
      'shop',
      'team',
      'db',
      'web',
      'till',
      'all',
      'front',
      'app',
    ]);
    expect((await around({ depth: 1 })).names).toEqual(['shop', 'team', 'db', 'web']);
  });

  it('has a relation once, in its forward form', async () => {
    const { graph } = await around();
    expect(graph.edges).toContainEqual({
      from: 'component:default/shop',
      to: 'group:default/team',
      types: ['ownedBy'],
    });
    expect(graph.edges).toContainEqual({
      from: 'component:default/web',
      to: 'component:default/shop',
      types: ['dependsOn'],
    });
    expect(graph.edges).toContainEqual({ from: 'resource:default/db', to: 'group:default/team', types: ['ownedBy'] });
    expect(graph.edges).toHaveLength(6);
  });

  it('neither shows nor follows hidden kinds, and names them', async () => {
    const { graph, names } = await around({ hidden: ['group'] });
    expect(names).toEqual(['shop', 'db', 'web', 'app']);
    expect(graph.kinds).toEqual(['component', 'group', 'resource']);
  });

  it('shows what is not to be seen as such', async () => {
    const { graph } = await around({ direction: 'all' });
    const front = graph.nodes.find(({ ref }) => ref === 'group:default/front');
    expect(front).toMatchObject({
      found: false,
      title: 'front',
      via: { ref: 'component:default/web', type: 'ownedBy' },
    });
  });

  it('stops at a number of entities, and says how many it left out', async () => {
    const crowd = Array.from({ length: 700 }, (_, index) => `component:c${index}`);
    const big = entity('group:default/big', { ownerOf: crowd });
    const graph = await walk(big, { depth: 2, direction: 'both', hidden: [] }, async (refs) => refs.map(() => null));
    expect(graph.nodes).toHaveLength(mostNodes);
    expect(graph.leftOut).toBe(201);
  });
});
