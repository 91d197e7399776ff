import { groupBy } from '@/ui/group-by';
import type { Graph } from './walk';

export const nodeWidth = 176;
export const nodeHeight = 36;
const rowGap = 12;
/** Between the columns of one layer, and between layers, where the relations are drawn. */
const columnGap = 20;
const layerGap = 96;
const margin = 16;
/** How often the order within layers is improved. More changes little. */
const sweeps = 6;

export interface Place {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  /** The left upper corner of each node. */
  places: Map<string, Place>;
}

/**
 * Places a graph in layers from left to right, each ordered so that neighbours are near each other. A layer with many
 * nodes takes several columns, because a picture that is one screen wide and thirty high shows nothing.
 */
export function layOut(graph: Graph): Layout {
  const layers = orderedLayers(graph);
  const rows = Math.max(10, Math.ceil(Math.sqrt(graph.nodes.length * 2.5)));
  const columns = layers.flatMap((layer) => wrap(layer, rows).map((refs, index) => ({ refs, first: index === 0 })));
  const height = Math.max(...columns.map(({ refs }) => columnHeight(refs.length))) + 2 * margin;
  const places = new Map<string, Place>();
  let x = margin;
  for (const [index, { refs, first }] of columns.entries()) {
    if (index > 0) x += nodeWidth + (first ? layerGap : columnGap);
    const top = (height - columnHeight(refs.length)) / 2;
    for (const [row, ref] of refs.entries()) places.set(ref, { x, y: top + row * (nodeHeight + rowGap) });
  }
  return { width: x + nodeWidth + margin, height, places };
}

function columnHeight(rows: number): number {
  return rows * (nodeHeight + rowGap) - rowGap;
}

/** Splits a layer into columns of about the same length. */
function wrap(refs: readonly string[], rows: number): string[][] {
  const columns = Math.ceil(refs.length / rows);
  const length = Math.ceil(refs.length / columns);
  return Array.from({ length: columns }, (_, index) => refs.slice(index * length, (index + 1) * length));
}

function orderedLayers({ nodes, edges }: Graph): string[][] {
  const byLayer = groupBy(
    nodes.toSorted(
      (a, b) => a.kind.localeCompare(b.kind) || a.title.localeCompare(b.title, undefined, { numeric: true }),
    ),
    ({ layer }) => layer,
  );
  const layers = [...byLayer].sort(([a], [b]) => a - b).map(([, items]) => items.map(({ ref }) => ref));
  const neighbours = new Map<string, string[]>(nodes.map(({ ref }) => [ref, []]));
  for (const { from, to } of edges) {
    neighbours.get(from)?.push(to);
    neighbours.get(to)?.push(from);
  }
  // The place of a node in its layer, from 0 to 1, so that layers of different sizes can be compared.
  const heights = new Map<string, number>();
  const measure = (layer: readonly string[]) => {
    for (const [index, ref] of layer.entries()) heights.set(ref, (index + 0.5) / layer.length);
  };
  layers.forEach(measure);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) {
      const wanted = new Map(
        layer.map((ref) => [ref, mean(neighbours.get(ref) ?? [], heights) ?? heights.get(ref) ?? 0]),
      );
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      measure(layer);
    }
  }
  return layers;
}

function mean(refs: readonly string[], heights: ReadonlyMap<string, number>): number | undefined {
  if (refs.length === 0) return undefined;
  return refs.reduce((sum, ref) => sum + (heights.get(ref) ?? 0), 0) / refs.length;
}

export type Arrow = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

export function isArrow(key: string): key is Arrow {
  return key === 'ArrowLeft' || key === 'ArrowRight' || key === 'ArrowUp' || key === 'ArrowDown';
}

/** The nearest node in a direction. What lies beside the direction counts as farther away. */
export function nearest(places: ReadonlyMap<string, Place>, from: string, arrow: Arrow): string | undefined {
  const here = places.get(from);
  if (!here) return undefined;
  const level = arrow === 'ArrowLeft' || arrow === 'ArrowRight';
  const sign = arrow === 'ArrowLeft' || arrow === 'ArrowUp' ? -1 : 1;
  let best: { ref: string; cost: number } | undefined;
  for (const [ref, { x, y }] of places) {
    const along = sign * (level ? x - here.x : y - here.y);
    if (along <= 0) continue;
    const beside = Math.abs(level ? y - here.y : x - here.x);
    const cost = along + 3 * beside;
    if (!best || cost < best.cost) best = { ref, cost };
  }
  return best?.ref;
}
