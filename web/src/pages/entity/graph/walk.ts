import type { Entity } from '@/api/types';
import { displayName, humanizeRef, parseRef, refOf } from '@/entity/ref';
import type { RelationDirection } from '@/search-params';
import { forwardOf, isBackward } from '../relations';

export interface WalkOptions {
  depth: number;
  /**
   * Which relations are followed. Forwards lead to what an entity needs and belongs to, and backwards to what needs it or
   * belongs to it. `both` follows each way by itself, away from the first entity; `all` follows every relation of
   * everything.
   */
  direction: RelationDirection;
  /** Kinds that are neither shown nor followed. */
  hidden: readonly string[];
}

export interface GraphNode {
  ref: string;
  kind: string;
  title: string;
  /** What it is among its kind: spec.type. */
  type?: string;
  /** False for an entity that is not in the catalog or that the person may not see: the answer is the same. */
  found: boolean;
  /** The number of relations between it and the first entity. */
  distance: number;
  /** The column: higher for what was reached forwards. */
  layer: number;
  /** The entity through which it was reached, and the type of the relation there. */
  via?: { ref: string; type: string };
}

/** A relation in its forward form. Several relations between the same two entities are one edge. */
export interface GraphEdge {
  from: string;
  to: string;
  types: string[];
}

export interface Graph {
  /** The first entity first, then by distance. */
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** All kinds that were met, hidden ones too. */
  kinds: string[];
  /** The number of entities that were met and left out, because there were too many. */
  leftOut: number;
}

/** The number of entities in a graph. More could not be read, neither by people nor by a browser. */
export const mostNodes = 500;

export const nodeFields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'spec.type',
  'spec.profile.displayName',
  'relations',
];

type Load = (refs: string[]) => Promise<(Entity | null)[]>;

interface Found {
  node: GraphNode;
  relations: { type: string; targetRef: string }[];
}

/** Follows relations from an entity, one request for each step away from it. */
export async function walk(root: Entity, options: WalkOptions, load: Load): Promise<Graph> {
  const found = new Map<string, Found>();
  const kinds = new Set<string>();
  let leftOut = 0;
  const first: Found = {
    node: { ...nodeOf(refOf(root), root), distance: 0, layer: 0 },
    relations: root.relations ?? [],
  };
  found.set(first.node.ref, first);
  let level: Found[] = [first];
  for (let distance = 1; distance <= options.depth && level.length > 0; distance++) {
    const next = new Map<string, Pick<GraphNode, 'layer' | 'via'>>();
    for (const { node, relations } of level) {
      for (const { type, targetRef } of relations) {
        if (!follows(options.direction, node.layer, type)) continue;
        const { kind } = parseRef(targetRef);
        kinds.add(kind);
        if (options.hidden.includes(kind) || found.has(targetRef) || next.has(targetRef)) continue;
        next.set(targetRef, {
          layer: node.layer + (isBackward(type) ? -1 : 1),
          via: { ref: node.ref, type },
        });
      }
    }
    const refs = [...next.keys()].slice(0, mostNodes - found.size);
    leftOut += next.size - refs.length;
    if (refs.length === 0) break;
    const entities = await load(refs);
    level = refs.map((ref, index) => {
      const entity = entities[index] ?? undefined;
      return {
        node: { ...nodeOf(ref, entity), distance, layer: 0, ...next.get(ref) },
        relations: entity?.relations ?? [],
      };
    });
    for (const item of level) found.set(item.node.ref, item);
  }
  return {
    nodes: [...found.values()].map(({ node }) => node),
    edges: edgesAmong(found),
    kinds: [...kinds].sort(),
    leftOut,
  };
}

function nodeOf(ref: string, entity: Entity | undefined): Omit<GraphNode, 'distance' | 'layer'> {
  const { kind } = parseRef(ref);
  const type = entity?.spec?.type;
  return {
    ref,
    kind,
    title: entity ? displayName(entity) : humanizeRef(ref, kind),
    ...(typeof type === 'string' && { type }),
    found: entity !== undefined,
  };
}

function follows(direction: RelationDirection, layer: number, type: string): boolean {
  if (direction === 'all') return true;
  const backward = isBackward(type);
  if (direction === 'forward') return !backward;
  if (direction === 'backward') return backward;
  return layer === 0 || backward === layer < 0;
}

function edgesAmong(found: ReadonlyMap<string, Found>): GraphEdge[] {
  const edges = new Map<string, GraphEdge>();
  for (const { node, relations } of found.values()) {
    for (const relation of relations) {
      if (!found.has(relation.targetRef) || relation.targetRef === node.ref) continue;
      const backward = isBackward(relation.type);
      const [from, to] = backward ? [relation.targetRef, node.ref] : [node.ref, relation.targetRef];
      const type = forwardOf(relation.type);
      const edge = edges.get(`${from} ${to}`) ?? { from, to, types: [] };
      if (!edge.types.includes(type)) edge.types.push(type);
      edges.set(`${from} ${to}`, edge);
    }
  }
  return [...edges.values()];
}
