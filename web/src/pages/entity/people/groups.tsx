import type { Entity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { KindIcon } from '@/entity/kind-icon';
import { displayName, refOf } from '@/entity/ref';
import { plural } from '@/ui/format';
import { groupBy } from '@/ui/group-by';
import { Section } from '../section';
import { type Organization, type OrgGroup, targetsOf } from './organization';

/** A group among the groups: those above it, and those below it as a tree. */
export function GroupTree({ entity, organization }: { entity: Entity; organization: Organization }) {
  const { above, below, more } = organization;
  if (above.length + below.length === 0) return null;
  const children = groupBy(below, ({ from }) => from);
  const branch = (ref: string) => {
    const items = (children.get(ref) ?? []).toSorted((a, b) =>
      a.title.localeCompare(b.title, undefined, { numeric: true }),
    );
    if (items.length === 0) return null;
    return (
      <ul className="ml-1.5 space-y-1 border-l pt-1 pl-3">
        {items.map((group) => (
          <li key={group.ref}>
            <GroupName group={group} />
            {branch(group.ref)}
          </li>
        ))}
      </ul>
    );
  };
  // The farthest is the outermost. More than one parent is rare: they are then side by side.
  const parents = above.toReversed();
  return (
    <Section title="Groups">
      <div className="space-y-1 pt-3">
        {parents.length > 0 && (
          <p className="flex flex-wrap items-center gap-x-2 text-muted">
            <span>in</span>
            {parents.map((group, index) => (
              <span key={group.ref} className="flex min-w-0 items-center gap-x-2">
                {index > 0 && <span aria-hidden>›</span>}
                <GroupName group={group} counted={false} />
              </span>
            ))}
          </p>
        )}
        <div>
          <span className="flex items-center gap-1.5 font-medium">
            <KindIcon kind="group" />
            {displayName(entity)}
            <Members count={targetsOf(entity, 'hasMember').length} />
          </span>
          {branch(refOf(entity))}
        </div>
        {more && <p className="text-small text-muted">There are more groups than are shown.</p>}
      </div>
    </Section>
  );
}

function GroupName({ group: { ref, title, found, members }, counted = true }: { group: OrgGroup; counted?: boolean }) {
  if (!found) {
    return (
      <span className="inline-flex flex-wrap items-center gap-x-1.5 text-muted" title={ref}>
        <KindIcon kind="group" />
        {title} <span className="text-small">(not in the catalog, or not for you to see)</span>
      </span>
    );
  }
  return (
    <span className="inline-flex max-w-full flex-wrap items-baseline gap-x-2">
      <EntityLink entityRef={ref} title={title} className="text-ink" />
      {counted && <Members count={members.length} />}
    </span>
  );
}

function Members({ count }: { count: number }) {
  if (count === 0) return null;
  return <span className="text-small font-normal text-muted">{plural(count, 'member')}</span>;
}

/** The groups of a user, each with those above it. */
export function Memberships({ entity, organization: { above } }: { entity: Entity; organization: Organization }) {
  const byRef = new Map(above.map((group) => [group.ref, group]));
  const direct = targetsOf(entity, 'memberOf').flatMap((ref) => byRef.get(ref) ?? []);
  return (
    <Section title="Groups">
      {direct.length === 0 ? (
        <p className="pt-3 text-muted">A member of no group.</p>
      ) : (
        <ul className="divide-y">
          {direct.map((group) => (
            <li key={group.ref} className="flex flex-wrap items-baseline gap-x-2 py-1.5">
              <GroupName group={group} />
              <Above chain={chainOf(group, above)} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Above({ chain }: { chain: readonly OrgGroup[] }) {
  if (chain.length === 0) return null;
  return (
    <span className="flex flex-wrap items-baseline gap-x-2 text-small text-muted">
      in
      {chain.map((group, index) => (
        <span key={group.ref} className="flex items-baseline gap-x-2">
          {index > 0 && <span aria-hidden>in</span>}
          <EntityLink entityRef={group.ref} title={group.title} />
        </span>
      ))}
    </span>
  );
}

/** The groups above a group, the nearest first. Of several parents, it is the first. */
export function chainOf(group: OrgGroup, all: readonly OrgGroup[]): OrgGroup[] {
  const chain: OrgGroup[] = [];
  const parentOf = ({ parents }: OrgGroup) => all.find(({ ref }) => parents.includes(ref));
  // Groups may be above each other.
  for (let next = parentOf(group); next && next !== group && !chain.includes(next); next = parentOf(next))
    chain.push(next);
  return chain;
}
