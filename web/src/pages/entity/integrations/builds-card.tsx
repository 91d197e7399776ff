import { ofEntityQuery } from '@/api/queries';
import type { Build, Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { BuildRow } from './builds/build-row';
import { IntegrationCard } from './integration-card';
import { hasProject } from './project';
import { ShownAtFirst } from './shown-at-first';

/** The builds of the repository of an entity. */
export function BuildsCard({ entity }: { entity: Entity }) {
  if (!hasProject(entity)) return null;
  const entityRef = refOf(entity);
  return (
    <IntegrationCard title="Builds" needs="portico.build.read" query={ofEntityQuery<Build>('builds', entityRef)}>
      {(builds) => (
        <ShownAtFirst items={builds} count={5} more="older builds">
          {(build) => <BuildRow key={build.id} build={build} entityRef={entityRef} />}
        </ShownAtFirst>
      )}
    </IntegrationCard>
  );
}
