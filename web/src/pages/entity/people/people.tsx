import { useState } from 'react';
import type { Entity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { useTitles } from '@/entity/titles';
import { plural } from '@/ui/format';
import { Skeleton } from '@/ui/states';
import { Section } from '../section';
import { membersOf, type Organization, type OrgGroup } from './organization';

const shownAtFirst = 20;

/** The members of a group, and on demand those of the groups below it. */
export function People({ entity, organization }: { entity: Entity; organization: Organization }) {
  const [deep, setDeep] = useState(false);
  const members = [...membersOf(entity, organization)];
  const direct = members.filter(([, through]) => through.length === 0);
  return (
    <Section title="People">
      <div className="flex flex-wrap items-center gap-x-5 gap-y-1 pt-2">
        <span role="status">
          {plural(
            deep ? members.length : direct.length,
            deep ? 'person' : 'direct member',
            deep ? 'people' : 'direct members',
          )}
        </span>
        {members.length > direct.length && (
          <label className="flex min-h-7 cursor-pointer items-center gap-1.5">
            <input type="checkbox" checked={deep} className="size-3.5 accent-accent" onChange={() => setDeep(!deep)} />
            With groups below ({members.length.toLocaleString('en')})
          </label>
        )}
      </div>
      <MemberList key={String(deep)} members={deep ? members : direct} />
    </Section>
  );
}

function MemberList({ members }: { members: readonly (readonly [string, OrgGroup[]])[] }) {
  const [all, setAll] = useState(false);
  const titles = useTitles(members.map(([ref]) => ref));
  // They are sorted by titles, so the list waits for the titles: otherwise it would be sorted again.
  if (!titles.known) return <Skeleton />;
  const sorted = members
    .map(([ref, through]) => ({ ref, through, title: titles.of(ref, 'user') }))
    .sort((a, b) => a.title.localeCompare(b.title));
  const shown = all ? sorted : sorted.slice(0, shownAtFirst);
  return (
    <>
      <ul className="grid gap-x-6 pt-1 sm:grid-cols-2 lg:grid-cols-1">
        {shown.map(({ ref, through, title }) => (
          <li key={ref} className="flex min-w-0 flex-wrap items-baseline gap-x-2 py-1">
            <EntityLink entityRef={ref} title={title} />
            {through.length > 0 && (
              <span className="text-small text-muted wrap-anywhere">
                {through.map((group) => group.title).join(', ')}
              </span>
            )}
          </li>
        ))}
      </ul>
      {sorted.length > shown.length && (
        <button type="button" className="text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {(sorted.length - shown.length).toLocaleString('en')} more
        </button>
      )}
    </>
  );
}
