import type { Entity } from '@/api/types';

export type Problem = NonNullable<NonNullable<Entity['status']>['items']>[number];

/** The errors and warnings of the catalog about the entity. */
export function problemsOf(entity: Entity): Problem[] {
  return entity.status?.items?.filter((item) => item.level !== 'info') ?? [];
}

/** The errors, because of which the entity is not up to date. */
export function errorsOf(entity: Entity): Problem[] {
  return problemsOf(entity).filter((item) => item.level === 'error');
}

/** The place of the problems on the entity's page. */
export const problemsId = 'problems';
