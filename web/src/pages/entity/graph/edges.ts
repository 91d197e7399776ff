import { nodeHeight, nodeWidth, type Place } from './layout';
import type { GraphEdge } from './walk';

const head = 5;

interface Curve {
  path: string;
  /** Where its name is written. */
  middle: Place;
}

/**
 * Draws a relation as a curve with a head of an arrow. The head is part of the curve, so that any number of relations is
 * one element of the page.
 */
export function curve(from: Place, to: Place): Curve {
  const forwards = to.x > from.x;
  const beside = to.x === from.x;
  const startX = from.x + (forwards || beside ? nodeWidth : 0);
  const endX = to.x + (forwards ? 0 : nodeWidth);
  const startY = from.y + nodeHeight / 2;
  const endY = to.y + nodeHeight / 2;
  // Within a column the curve bends to the right of it.
  const bend = beside ? 40 : Math.max(24, Math.abs(endX - startX) / 2);
  const startPull = startX + (forwards || beside ? bend : -bend);
  const endPull = endX + (forwards ? -bend : bend);
  const wing = endX + (forwards ? -head : head);
  const path =
    `M${startX} ${startY}C${startPull} ${startY} ${endPull} ${endY} ${endX} ${endY}` +
    `M${wing} ${endY - head}L${endX} ${endY}L${wing} ${endY + head}`;
  return { path, middle: { x: (startX + endX + (beside ? 60 : 0)) / 2, y: (startY + endY) / 2 } };
}

export function curveOf({ from, to }: GraphEdge, places: ReadonlyMap<string, Place>): Curve | undefined {
  const start = places.get(from);
  const end = places.get(to);
  return start && end && curve(start, end);
}
