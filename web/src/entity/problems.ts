import type { Entity } from '@/api/types';

export type Problem = NonNullable<NonNullable<Entity['status']>['items']>[number];

/** What the catalog found wrong with the entity when it read it: errors and warnings. */
export function problemsOf(entity: Entity): Problem[] {
  return entity.status?.items?.filter((item) => item.level !== 'info') ?? [];
}

/** Those of the problems that keep the entity from being what its source says. */
export function errorsOf(entity: Entity): Problem[] {
  return problemsOf(entity).filter((item) => item.level === 'error');
}

/** Where the entity's page tells of its problems. */
export const problemsId = 'problems';
