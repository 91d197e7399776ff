import { ofEntityQuery } from '@/api/queries';
import type { ArgoCDApplication, Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { Application } from './argocd/application';
import { IntegrationCard } from './integration-card';

/** The annotations by which an entity says which applications are its own. */
const annotations = ['argocd/app-name', 'argocd/app-selector', 'argocd/project-name'];

/** The applications of Argo CD by which the entity is deployed. */
export function ArgoCDCard({ entity }: { entity: Entity }) {
  if (!annotations.some((name) => entity.metadata.annotations?.[name])) return null;
  return (
    <IntegrationCard
      title="Argo CD"
      needs="argocd.view.read"
      query={ofEntityQuery<ArgoCDApplication>('argocd', refOf(entity))}
    >
      {(applications) => (
        <div className="divide-y">
          {applications.map((application) => (
            <Application key={keyOf(application)} application={application} />
          ))}
        </div>
      )}
    </IntegrationCard>
  );
}

function keyOf({ instance, namespace, name }: ArgoCDApplication): string {
  return [instance, namespace, name].join('/');
}
