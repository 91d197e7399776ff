import { queryOptions } from '@tanstack/react-query';
import { countOwned, entitiesByRefs } from '@/api/catalog';
import type { Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { groupFields, readOrganization } from './organization';

export const organizationQuery = (entity: Entity) =>
  queryOptions({
    queryKey: ['organization', refOf(entity)],
    queryFn: () => readOrganization(entity, (refs) => entitiesByRefs(refs, groupFields)),
    staleTime: 30_000,
  });

/** What owners have, by kind. */
export const ownedQuery = (owners: readonly string[]) =>
  queryOptions({
    queryKey: ['owned', owners],
    queryFn: ({ signal }) => countOwned(owners, signal),
    staleTime: 30_000,
  });
