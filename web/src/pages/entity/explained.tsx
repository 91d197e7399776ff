import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { entitiesByRefs } from '@/api/catalog';
import { entityExplanationQuery } from '@/api/queries';
import type { EntityExplanation } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { parseRef } from '@/entity/ref';
import { placeOf } from '@/pages/unread/place';
import { ExternalLink } from '@/ui/external-link';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';
import { causeText } from './cause';
import { ConflictItem } from './conflict';
import { Section } from './section';

/** Where an entity is from, what changed it, and what is wrong with it. */
export function Explained({ entityRef }: { entityRef: string }) {
  const { data, error, refetch } = useQuery(entityExplanationQuery(entityRef));
  if (error) return <ErrorPanel error={error} doing="explain the entity" onRetry={() => refetch()} />;
  if (!data) return <Skeleton lines={6} />;
  return (
    <div className="space-y-6">
      <Origin explanation={data} />
      <Wrong explanation={data} />
    </div>
  );
}

const sourceNames: Record<string, string> = {
  config: 'catalog.locations of the configuration',
  locations: 'the registered locations',
};

function Origin({ explanation }: { explanation: EntityExplanation }) {
  const { sources, path, location, line, changedAt, changedBy, seenAt, dueAt } = explanation;
  const targets = useTargets(path.map(({ entityRef }) => entityRef));
  return (
    <Section title="Where it is from">
      <ol aria-label="The way to it" className="list-decimal space-y-1 pt-2 pl-6 marker:text-muted">
        {sources.map((source) => (
          <li key={source}>{sourceNames[source] ?? `the source ${source}`}</li>
        ))}
        {path.map((step) => (
          <li key={step.entityRef}>
            <LocationStep entityRef={step.entityRef} target={targets?.get(step.entityRef)} />
          </li>
        ))}
        <li>
          <Place location={location} line={line} />
        </li>
      </ol>
      <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 pt-3">
        <Fact name="Last change">
          <RelativeTime at={changedAt} />, {causeText(changedBy)}
        </Fact>
        <Fact name="Last seen">{seenAt ? <RelativeTime at={seenAt} /> : 'not since this is recorded'}</Fact>
        <Fact name="Read again">
          <RelativeTime at={dueAt} />
        </Fact>
      </dl>
    </Section>
  );
}

/** A location on the way. One whose name is made up is called by where it leads. */
function LocationStep({ entityRef, target }: { entityRef: string; target: string | undefined }) {
  if (target && parseRef(entityRef).name.startsWith('generated-')) {
    return <EntityLink entityRef={entityRef} title={target} />;
  }
  return (
    <>
      <EntityLink entityRef={entityRef} /> <span className="text-muted wrap-anywhere">{target}</span>
    </>
  );
}

/** Where locations lead: the names of many are made up, and say nothing. */
function useTargets(refs: readonly string[]): ReadonlyMap<string, string> | undefined {
  const { data } = useQuery({
    queryKey: ['targets', refs],
    queryFn: async () => {
      const locations = await entitiesByRefs(refs, ['spec.target', 'spec.targets']);
      return new Map(
        refs.map((ref, index) => {
          const { target, targets } = locations[index]?.spec ?? {};
          return [
            ref,
            [target, targets]
              .flat()
              .filter((each) => typeof each === 'string')
              .join(', '),
          ];
        }),
      );
    },
    enabled: refs.length > 0,
  });
  return data;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

export function Place({ location, line }: { location?: string | undefined; line?: number | undefined }) {
  const place = placeOf({ ...(location && { location_key: location }), ...(line && { line }) });
  if (!place) return null;
  return (
    <span className="wrap-anywhere">
      {place.url ? <ExternalLink href={place.url}>{place.text}</ExternalLink> : place.text}
    </span>
  );
}

function Wrong({ explanation: { errors, conflicts, missing, owner } }: { explanation: EntityExplanation }) {
  if (errors.length + conflicts.length + missing.length === 0 && owner !== 'none') {
    return (
      <Section title="What is wrong">
        <p className="pt-2 text-muted">Nothing that the catalog knows of.</p>
      </Section>
    );
  }
  return (
    <Section title="What is wrong">
      <ul aria-label="What is wrong with it" className="divide-y">
        {owner === 'none' && <li className="py-2">It names no owner. Add spec.owner.</li>}
        {owner === 'missing' && <li className="py-2">Its owner is not in the catalog, or you may not see it.</li>}
        {errors.map((error) => (
          <li key={`${error.location} ${error.line} ${error.message}`} className="space-y-1 py-2">
            <p className="whitespace-pre-wrap wrap-anywhere">
              {error.name}: {error.message}
            </p>
            <p className="text-small text-muted">
              <Place location={error.location} line={error.line} />
            </p>
          </li>
        ))}
        {conflicts.map((conflict) => (
          <ConflictItem
            key={`${conflict.entityRef} ${conflict.claimant} ${conflict.claimantRef}`}
            conflict={conflict}
          />
        ))}
        {missing.map(({ type, targetRef }) => (
          <li key={`${type} ${targetRef}`} className="py-2 wrap-anywhere">
            {type} {targetRef}, which is not in the catalog, or you may not see it.
          </li>
        ))}
      </ul>
    </Section>
  );
}
