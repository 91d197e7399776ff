import type { ComponentType } from 'react';
import type { Entity } from '@/api/types';
import { ArgoCDCard } from './argocd-card';
import { BuildsCard } from './builds-card';
import { KubernetesCard } from './kubernetes-card';
import { PullRequestsCard } from './pull-requests-card';
import { VaultCard } from './vault-card';

/** What other systems say about an entity, in the order of the page. */
const cards: Record<string, ComponentType<{ entity: Entity }>> = {
  kubernetes: KubernetesCard,
  argocd: ArgoCDCard,
  builds: BuildsCard,
  pullRequests: PullRequestsCard,
  vault: VaultCard,
};

/** The cards are the last part of the page, so that nothing moves when one appears. */
export function Integrations({ entity }: { entity: Entity }) {
  return (
    <div className="min-w-0 space-y-8 empty:hidden">
      {Object.entries(cards).map(([name, Card]) => (
        <Card key={name} entity={entity} />
      ))}
    </div>
  );
}
