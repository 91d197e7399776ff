import { useMemo } from 'react';
import { KindIcon } from '@/entity/kind-icon';
import { groupBy } from '@/ui/group-by';
import { forwardOf, relationWords } from '../relations';
import { useNodeLinks } from './node-link';
import type { Graph, GraphNode } from './walk';

/** The same as the picture in words: each entity below the one through which it was reached. */
export function AsList({ graph }: { graph: Graph }) {
  const { hrefOf, onClick } = useNodeLinks();
  const { children, also } = useMemo(() => listed(graph), [graph]);
  const [root] = graph.nodes;
  if (!root) return null;
  const branch = (ref: string) => {
    const below = children.get(ref) ?? [];
    if (below.length === 0) return null;
    return (
      <ul className="space-y-1 border-l pl-3">
        {below.map((node) => (
          <li key={node.ref} className="space-y-1">
            <span className="flex flex-wrap items-center gap-x-1.5">
              <span className="text-muted">{relationWords(node.via?.type ?? '')}</span>
              <Name node={node} href={hrefOf(node.ref)} />
              {also.has(node.ref) && (
                <span className="text-small text-muted">also {also.get(node.ref)?.join(', ')}</span>
              )}
            </span>
            {branch(node.ref)}
          </li>
        ))}
      </ul>
    );
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: it opens the links in it, which have keys
    <div onClick={onClick} className="space-y-1">
      <p className="flex items-center gap-1.5 font-medium">
        <KindIcon kind={root.kind} />
        {root.title}
      </p>
      {branch(root.ref)}
    </div>
  );
}

function Name({ node: { ref, kind, title, found }, href }: { node: GraphNode; href: string }) {
  if (!found) {
    return (
      <span className="inline-flex items-center gap-1.5" title={ref}>
        <KindIcon kind={kind} />
        {title} <span className="text-small text-muted">(not in the catalog, or not for you to see)</span>
      </span>
    );
  }
  return (
    <a
      href={href}
      data-ref={ref}
      title={ref}
      className="inline-flex items-center gap-1.5 hover:text-accent hover:underline"
    >
      <KindIcon kind={kind} />
      {title}
    </a>
  );
}

/** The number of further relations that are named beside an entity. */
const mostFurther = 8;

export function listed({ nodes, edges }: Graph) {
  const children = groupBy(
    nodes.filter(({ via }) => via !== undefined),
    ({ via }) => via?.ref,
  );
  const byRef = new Map(nodes.map((node) => [node.ref, node]));
  const also = new Map<string, string[]>();
  for (const { from, to, types } of edges) {
    for (const type of types) {
      if (isAbove(byRef, from, to, type) || isAbove(byRef, to, from, type)) continue;
      const words = also.get(from) ?? [];
      if (words.length < mostFurther) words.push(`${relationWords(type)} ${byRef.get(to)?.title}`);
      also.set(from, words);
    }
  }
  return { children, also };
}

/** Whether a relation is the one through which an entity was reached. */
function isAbove(nodes: ReadonlyMap<string, GraphNode>, ref: string, above: string, type: string): boolean {
  const via = nodes.get(ref)?.via;
  return via?.ref === above && forwardOf(via.type) === type;
}
