import type { Ancestry, Entity } from '@/api/types';
import { errorsOf, type Problem } from '@/entity/problems';
import { refOf } from '@/entity/ref';

/** How long somebody is kept waiting for a change, in milliseconds. */
export const patience = 15_000;

/** An entity and the locations above it, as they were before the catalog was asked to read them again. */
export interface Asked {
  before: Ancestry;
  /** When it was asked, in milliseconds of the browser's clock. */
  at: number;
}

/**
 * What has come of it. The catalog says that it was asked, and not that it has read: an entity that is as it was may
 * have been read or not.
 */
export type Outcome = 'waiting' | 'changed' | 'changedAbove' | 'unchanged';

/** Compares what there is at a moment with what there was when the catalog was asked. */
export function outcomeOf({ before, at }: Asked, now: Ancestry | undefined, seenAt: number): Outcome {
  if (!now) return 'waiting';
  const etags = new Map(before.items.map(({ entity }) => [refOf(entity), versionOf(entity)]));
  const changed = now.items.filter(({ entity }) => etags.get(refOf(entity)) !== versionOf(entity));
  if (changed.some(({ entity }) => refOf(entity) === now.rootEntityRef)) return 'changed';
  // A location is written before what comes from it, so a change there says nothing about the entity yet.
  if (seenAt - at < patience) return 'waiting';
  return changed.length > 0 || now.items.length !== before.items.length ? 'changedAbove' : 'unchanged';
}

function versionOf({ metadata: { uid, etag } }: Entity): string {
  return `${uid} ${etag}`;
}

/** The errors of an entity and of the locations above it, each with the one that has them. */
export function errorsIn({ items }: Ancestry): { entityRef: string; errors: Problem[] }[] {
  return items
    .map(({ entity }) => ({ entityRef: refOf(entity), errors: errorsOf(entity) }))
    .filter(({ errors }) => errors.length > 0);
}
