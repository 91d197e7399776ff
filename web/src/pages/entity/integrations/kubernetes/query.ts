import { queryOptions } from '@tanstack/react-query';
import { fetchKubernetesObjects } from '@/api/systems';
import type { ClusterObjects, Found, KubernetesObjects } from '@/api/types';

export const kubernetesQuery = (entityRef: string) =>
  queryOptions({
    queryKey: ['of-entity', 'kubernetes', entityRef],
    queryFn: async ({ signal }) => foundIn(await fetchKubernetesObjects(entityRef, signal)),
  });

/** The clusters in which the entity has objects, and what clusters could not say. */
export function foundIn({ items }: KubernetesObjects): Found<ClusterObjects> {
  return { items: items.filter(({ resources }) => resources.length > 0), problems: items.flatMap(problemsOf) };
}

/** A cluster that cannot be asked fails for each kind of objects: the same words are said once. */
function problemsOf({ cluster, errors }: ClusterObjects) {
  // The cluster does not know a kind that the configuration asks for, such as rollouts.
  const failed = errors.filter(({ errorType }) => errorType !== 'NOT_FOUND');
  const messages = new Set(
    failed.map(({ message, errorType }) => (message ?? errorType).replace(/^reading \w+: /, '')),
  );
  return [...messages].map((message) => ({ source: cluster.title ?? cluster.name, message }));
}
