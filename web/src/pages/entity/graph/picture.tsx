import { Minus, Plus, Scan } from 'lucide-react';
import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { KindIcon } from '@/entity/kind-icon';
import { IconButton } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { relationWords } from '../relations';
import { curveOf } from './edges';
import { isArrow, type Layout, layOut, nearest, nodeHeight, nodeWidth, type Place } from './layout';
import { useNodeLinks } from './node-link';
import type { Graph, GraphEdge, GraphNode } from './walk';

const zooms = [0.25, 0.35, 0.5, 0.7, 0.85, 1, 1.25, 1.5];
/** How many relations of the entity that is pointed at or has the focus are named. More names would hide each other. */
const mostNamed = 24;

/** The relations of an entity as a picture. It is walked with the arrow keys, and every entity in it is a link. */
export function Picture({ graph }: { graph: Graph }) {
  const layout = useMemo(() => layOut(graph), [graph]);
  const root = graph.nodes[0]?.ref ?? '';
  const [current, setCurrent] = useState(root);
  const [pointed, point] = useState<string>();
  const frame = useRef<HTMLDivElement>(null);
  const help = useId();
  const { zoom, setZoom, fit } = useZoom(frame, layout, root);
  const { hrefOf, onClick } = useNodeLinks();
  const panning = usePanning(frame);
  // After another walk, the entity that had the focus may be gone.
  const focusable = layout.places.has(current) ? current : root;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '-') {
      setZoom(step(zoom, event.key === '+' ? 1 : -1));
    } else if (event.key === 'Home' || isArrow(event.key)) {
      const next = isArrow(event.key) ? nearest(layout.places, focusable, event.key) : root;
      if (next) frame.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(next)}"]`)?.focus();
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div>
      <p id={help} className="sr-only">
        Arrow keys move between entities, Enter opens one, Home leads back to the first, plus and minus change the size.
        “As a list” says the same in words.
      </p>
      <div className="flex justify-end pb-1">
        <IconButton icon={Minus} label="Smaller" onClick={() => setZoom(step(zoom, -1))} />
        <IconButton icon={Plus} label="Larger" onClick={() => setZoom(step(zoom, 1))} />
        <IconButton icon={Scan} label="Show all of it" onClick={fit} />
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would be of a form */}
      <div
        ref={frame}
        role="group"
        aria-label="Relations as a picture"
        aria-describedby={help}
        onKeyDown={onKeyDown}
        onClick={onClick}
        {...panning}
        // Its ground must be opaque: only then does a browser scroll it without painting it anew.
        className="max-h-[max(320px,min(640px,70dvh))] cursor-grab bg-page overflow-auto rounded-md border active:cursor-grabbing"
      >
        <div className="relative mx-auto" style={{ width: layout.width * zoom, height: layout.height * zoom }}>
          <div
            className="absolute top-0 left-0 origin-top-left"
            style={{ width: layout.width, height: layout.height, transform: `scale(${zoom})` }}
          >
            <Edges graph={graph} layout={layout} of={pointed ?? focusable} />
            <Nodes
              graph={graph}
              layout={layout}
              focusable={focusable}
              hrefOf={hrefOf}
              onFocus={setCurrent}
              onPoint={point}
            />
          </div>
        </div>
      </div>
    </div>
  );
}

function step(zoom: number, by: 1 | -1): number {
  const next = by > 0 ? zooms.find((size) => size > zoom) : zooms.findLast((size) => size < zoom);
  return next ?? zoom;
}

/** The size of the picture: at first as much of it as can be read, with the first entity in the middle. */
function useZoom(frame: React.RefObject<HTMLDivElement | null>, layout: Layout, root: string) {
  const [zoom, setZoom] = useState(1);
  const fitting = () => {
    const { clientWidth = 0, clientHeight = 0 } = frame.current ?? {};
    return Math.min(1, clientWidth / layout.width, clientHeight / layout.height);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the size belongs to the layout
  useLayoutEffect(() => setZoom(Math.max(0.7, fitting())), [layout]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what a person scrolled to stays
  useEffect(() => {
    const place = layout.places.get(root);
    const element = frame.current;
    if (!place || !element) return;
    element.scrollLeft = (place.x + nodeWidth / 2) * zoom - element.clientWidth / 2;
    element.scrollTop = (place.y + nodeHeight / 2) * zoom - element.clientHeight / 2;
  }, [layout, zoom]);
  return { zoom, setZoom, fit: () => setZoom(Math.max(0.1, fitting())) };
}

/** Moves the picture with a pressed mouse. Fingers scroll it anyway. */
function usePanning(frame: React.RefObject<HTMLDivElement | null>) {
  const from = useRef<{ x: number; y: number } | undefined>(undefined);
  const stop = () => {
    from.current = undefined;
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.pointerType !== 'mouse' || event.button !== 0) return;
      if (event.target instanceof Element && event.target.closest('a')) return;
      from.current = { x: event.clientX, y: event.clientY };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      if (!from.current || !frame.current) return;
      frame.current.scrollLeft -= event.clientX - from.current.x;
      frame.current.scrollTop -= event.clientY - from.current.y;
      from.current = { x: event.clientX, y: event.clientY };
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}

interface EdgesProps {
  graph: Graph;
  layout: Layout;
  /** The entity whose relations stand out. */
  of: string;
}

const Edges = memo(function Edges({ graph: { edges }, layout: { places, width, height }, of }: EdgesProps) {
  const all = useMemo(() => edges.map((edge) => curveOf(edge, places)?.path).join(''), [edges, places]);
  const marked = edges.filter(({ from, to }) => from === of || to === of);
  return (
    <>
      <svg aria-hidden width={width} height={height} className="absolute inset-0" fill="none">
        <path d={all} className="stroke-edge" />
        <path
          d={marked.map((edge) => curveOf(edge, places)?.path).join('')}
          className="stroke-accent"
          strokeWidth={1.5}
        />
      </svg>
      {marked.slice(0, mostNamed).map((edge) => (
        <EdgeName key={`${edge.from} ${edge.to}`} edge={edge} places={places} />
      ))}
    </>
  );
});

function EdgeName({ edge, places }: { edge: GraphEdge; places: ReadonlyMap<string, Place> }) {
  const drawn = curveOf(edge, places);
  if (!drawn) return null;
  return (
    <span
      aria-hidden
      className="pointer-events-none absolute -translate-1/2 rounded bg-page px-1 text-small whitespace-nowrap text-muted"
      style={{ left: drawn.middle.x, top: drawn.middle.y }}
    >
      {edge.types.map(relationWords).join(', ')}
    </span>
  );
}

interface NodesProps {
  graph: Graph;
  layout: Layout;
  focusable: string;
  hrefOf: (ref: string) => string;
  onFocus: (ref: string) => void;
  onPoint: (ref: string | undefined) => void;
}

function Nodes({ graph, layout, focusable, hrefOf, onFocus, onPoint }: NodesProps) {
  return graph.nodes.map((node) => {
    const place = layout.places.get(node.ref);
    if (!place) return null;
    return (
      <Node
        key={node.ref}
        node={node}
        x={place.x}
        y={place.y}
        href={hrefOf(node.ref)}
        focusable={node.ref === focusable}
        onFocus={onFocus}
        onPoint={onPoint}
      />
    );
  });
}

interface NodeProps {
  node: GraphNode;
  x: number;
  y: number;
  href: string;
  focusable: boolean;
  onFocus: (ref: string) => void;
  onPoint: (ref: string | undefined) => void;
}

/** An entity. One that is not to be seen has no page, so it is no link, but has a place among the others all the same. */
const Node = memo(function Node({ node, x, y, href, focusable, onFocus, onPoint }: NodeProps) {
  const { ref, kind, title, type, found, distance } = node;
  const what = found ? [kind, type].filter(Boolean).join(', ') : 'not in the catalog, or not for you to see';
  const shared = {
    'data-node': ref,
    tabIndex: focusable ? 0 : -1,
    title: `${ref}: ${what}`,
    'aria-label': `${title}, ${what}`,
    onFocus: () => onFocus(ref),
    onPointerEnter: () => onPoint(ref),
    onPointerLeave: () => onPoint(undefined),
    style: { left: x, top: y, width: nodeWidth, height: nodeHeight },
  };
  const content = (
    <>
      <KindIcon kind={kind} />
      <span className="min-w-0 truncate">{title}</span>
    </>
  );
  if (!found) {
    return (
      // biome-ignore lint/a11y/useSemanticElements: a link has an address, and this has none
      <span
        {...shared}
        tabIndex={shared.tabIndex}
        role="link"
        aria-disabled
        className={classNames(nodeLook, 'border-dashed border-edge bg-page text-muted')}
      >
        {content}
      </span>
    );
  }
  const isFirst = distance === 0;
  return (
    <a
      {...shared}
      href={href}
      data-ref={ref}
      aria-current={isFirst ? 'page' : undefined}
      draggable={false}
      className={classNames(
        nodeLook,
        isFirst ? 'border-accent bg-selected font-medium' : 'border-edge bg-raised hover:border-accent',
      )}
    >
      {content}
    </a>
  );
});

const nodeLook = 'absolute flex items-center gap-2 rounded-md border px-2 text-small';
