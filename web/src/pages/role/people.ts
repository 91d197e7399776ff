import { queryOptions } from '@tanstack/react-query';
import { queryEntities } from '@/api/catalog';
import { refOf } from '@/entity/ref';

/** How many groups below a group are counted, so that requests stay short. */
const mostGroups = 100;
const mostLevels = 32;

/** People that a group brings into a role. */
export interface People {
  count: number;
  /** Whether there are more groups below than were counted. */
  more: boolean;
}

/** The people of a group and of the groups below it, each once, as far as the caller may read them. */
export const peopleQuery = (group: string) =>
  queryOptions({
    queryKey: ['people', group],
    queryFn: ({ signal }) => countPeople(group, signal),
    staleTime: 60_000,
  });

async function countPeople(group: string, signal: AbortSignal): Promise<People> {
  const groups = new Set([group]);
  let level = [group];
  for (let depth = 0; level.length > 0 && depth < mostLevels && groups.size < mostGroups; depth++) {
    const page = await queryEntities(
      { filter: [related('group', 'childOf', level)], fields: ['kind', 'metadata'], limit: mostGroups },
      signal,
    );
    level = page.items.map(refOf).filter((ref) => !groups.has(ref));
    for (const ref of level) groups.add(ref);
  }
  const counted = [...groups].slice(0, mostGroups);
  const people = await queryEntities(
    { filter: [related('user', 'memberOf', counted)], fields: ['kind'], limit: 0 },
    signal,
  );
  return { count: people.totalItems, more: groups.size >= mostGroups };
}

/** Entities of a kind that have a relation to one of these. */
function related(kind: string, relation: string, refs: readonly string[]): string {
  return [`kind=${kind}`, ...refs.map((ref) => `relations.${relation}=${ref}`)].join(',');
}
