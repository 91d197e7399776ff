import { ofEntity } from './catalog';
import { command, json, send } from './request';
import type { Found, JobList, KubernetesObjects } from './types';

/** What a system says about an entity: one of the routes below the entity's own. */
export function fetchOfEntity<Item>(what: string, entityRef: string, signal?: AbortSignal): Promise<Found<Item>> {
  return json(ofEntity(entityRef, what), signal && { signal });
}

/** The jobs of a build, in their order. */
export function fetchJobs(entityRef: string, id: string, signal?: AbortSignal): Promise<JobList> {
  return json(ofEntity(entityRef, `builds/${encodeURIComponent(id)}/jobs`), signal && { signal });
}

/** Runs a build again. */
export async function rerunBuild(entityRef: string, id: string): Promise<void> {
  await command(ofEntity(entityRef, `builds/${encodeURIComponent(id)}/rerun`));
}

/** The objects of an entity in the clusters of Kubernetes where it has any. */
export function fetchKubernetesObjects(entityRef: string, signal?: AbortSignal): Promise<KubernetesObjects> {
  return json('/api/kubernetes/resources/workloads/query', {
    method: 'POST',
    body: { entityRef, auth: {} },
    ...(signal && { signal }),
  });
}

/** A container of a pod. */
export interface ContainerPlace {
  cluster: string;
  namespace: string;
  pod: string;
  container: string;
}

/** The end of a container's log: of the one that runs, or of the one before its last restart. */
export async function fetchContainerLog(
  { cluster, namespace, pod, container }: ContainerPlace,
  { tailLines, previous }: { tailLines: number; previous: boolean },
  signal?: AbortSignal,
): Promise<string> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`;
  const answer = await send(`/api/kubernetes/proxy${path}`, {
    query: { container, tailLines, previous: previous || undefined },
    headers: { 'Backstage-Kubernetes-Cluster': cluster },
    ...(signal && { signal }),
  });
  return answer.text();
}
