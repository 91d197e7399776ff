import { describe, expect, it } from 'vitest';
import { layOut, nearest, nodeHeight, nodeWidth } from './layout';
import type { Graph, GraphNode } from './walk';

function node(ref: string, layer: number): GraphNode {
  return { ref, kind: 'component', title: ref, found: true, distance: Math.abs(layer), layer };
}

function graphOf(nodes: GraphNode[], edges: [string, string][]): Graph {
  return { nodes, edges: edges.map(([from, to]) => ({ from, to, types: ['dependsOn'] })), kinds: [], leftOut: 0 };
}

describe('layOut', () => {
  it('puts layers from left to right, and neighbours side by side', () => {
    const graph = graphOf(
      [node('root', 0), node('a', 1), node('b', 1), node('c', 2), node('d', 2), node('user', -1)],
      // The names of the last layer are the other way round than their neighbours.
      [
        ['root', 'a'],
        ['root', 'b'],
        ['a', 'd'],
        ['b', 'c'],
        ['user', 'root'],
      ],
    );
    const { places } = layOut(graph);
    const x = (ref: string) => places.get(ref)?.x ?? Number.NaN;
    const y = (ref: string) => places.get(ref)?.y ?? Number.NaN;
    expect([x('user'), x('root'), x('a'), x('c')]).toEqual(
      [x('user'), x('root'), x('a'), x('c')].toSorted((m, n) => m - n),
    );
    expect(x('a')).toBe(x('b'));
    expect(Math.sign(y('a') - y('b'))).toBe(Math.sign(y('d') - y('c')));
  });

  it('places 500 nodes apart from each other, not all below each other', () => {
    const nodes = [
      node('root', 0),
      ...Array.from({ length: 499 }, (_, index) => node(`n${index}`, index % 10 === 0 ? -1 : 1)),
    ];
    const edges = nodes.slice(1).flatMap(({ ref }, index): [string, string][] => [
      ['root', ref],
      [ref, `n${(index * 7) % 499}`],
    ]);
    const { places, height } = layOut(graphOf(nodes, edges));
    expect(height).toBeLessThan(3000);
    const all = [...places.values()];
    for (const [index, one] of all.entries()) {
      for (const other of all.slice(index + 1)) {
        expect(Math.abs(one.x - other.x) >= nodeWidth || Math.abs(one.y - other.y) >= nodeHeight).toBe(true);
      }
    }
  });
});

describe('nearest', () => {
  const places = new Map([
    ['middle', { x: 300, y: 300 }],
    ['left', { x: 0, y: 320 }],
    ['right', { x: 600, y: 300 }],
    ['far right', { x: 900, y: 300 }],
    ['below', { x: 310, y: 400 }],
  ]);

  it('finds what lies in the direction of the key', () => {
    expect(nearest(places, 'middle', 'ArrowLeft')).toBe('left');
    expect(nearest(places, 'middle', 'ArrowRight')).toBe('right');
    expect(nearest(places, 'middle', 'ArrowDown')).toBe('below');
    expect(nearest(places, 'left', 'ArrowLeft')).toBeUndefined();
  });
});
