import type { Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { IntegrationCard } from './integration-card';
import { Cluster } from './kubernetes/cluster';
import { kubernetesQuery } from './kubernetes/query';

/** The annotations by which an entity says that it has objects in clusters. */
const annotations = [
  'backstage.io/kubernetes-id',
  'backstage.io/kubernetes-label-selector',
  'backstage.io/kubernetes-namespace',
];

/** What runs of the entity in the clusters of Kubernetes. */
export function KubernetesCard({ entity }: { entity: Entity }) {
  if (!annotations.some((name) => entity.metadata.annotations?.[name])) return null;
  return (
    <IntegrationCard title="Kubernetes" needs="kubernetes.resources.read" query={kubernetesQuery(refOf(entity))}>
      {(clusters) => clusters.map((found) => <Cluster key={found.cluster.name} found={found} />)}
    </IntegrationCard>
  );
}
