import { queryOptions } from '@tanstack/react-query';
import { entitiesByRefs } from '@/api/catalog';
import type { Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { nodeFields, type WalkOptions, walk } from './walk';

/** What is around an entity. The server leaves out what the person may not see. */
export const graphQuery = (root: Entity, options: WalkOptions) =>
  queryOptions({
    queryKey: ['graph', refOf(root), options],
    queryFn: () => walk(root, options, (refs) => entitiesByRefs(refs, nodeFields)),
    staleTime: 30_000,
    placeholderData: (previous) => previous,
  });
