import type { Entity } from '@/api/types';
import { displayName, humanizeRef, parseRef, refOf } from '@/entity/ref';

/** A group as its neighbours see it. */
export interface OrgGroup {
  ref: string;
  title: string;
  /** False for a group that is not in the catalog or that the person may not see. */
  found: boolean;
  /** The group through which it was reached. */
  from: string;
  /** The groups right above it. */
  parents: string[];
  members: string[];
}

export interface Organization {
  /** The groups above, the nearest first. */
  above: OrgGroup[];
  /** All groups below, the nearer ones first. */
  below: OrgGroup[];
  /** Whether there are more groups than were read. */
  more: boolean;
}

/** The fields of a group that are needed here. */
export const groupFields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'spec.profile.displayName',
  'relations',
];

/** Groups of groups of groups may be in a circle, and there may be thousands. */
const mostGroups = 500;

type Load = (refs: string[]) => Promise<(Entity | null)[]>;

export function targetsOf(entity: Entity | null, type: string): string[] {
  const targets = (entity?.relations ?? []).filter((relation) => relation.type === type);
  return [...new Set(targets.map(({ targetRef }) => targetRef))];
}

/** Reads the groups above and below an entity: a group has both, and of a user it is the groups it is a member of. */
export async function readOrganization(entity: Entity, load: Load): Promise<Organization> {
  const up = entity.kind.toLowerCase() === 'user' ? 'memberOf' : 'childOf';
  const [above, below] = await Promise.all([follow(entity, [up, 'childOf'], load), follow(entity, ['parentOf'], load)]);
  return { above: above.groups, below: below.groups, more: above.more || below.more };
}

/** Follows relations of types to groups; a request for each level. */
async function follow(
  entity: Entity,
  types: readonly string[],
  load: Load,
): Promise<{ groups: OrgGroup[]; more: boolean }> {
  const seen = new Set([refOf(entity)]);
  const groups: OrgGroup[] = [];
  let level = [{ ref: refOf(entity), entity: entity as Entity | null }];
  while (level.length > 0) {
    const next: { ref: string; from: string }[] = [];
    for (const { ref: from, entity: parent } of level) {
      for (const ref of types.flatMap((type) => targetsOf(parent, type))) {
        if (parseRef(ref).kind !== 'group' || seen.has(ref)) continue;
        if (groups.length + next.length >= mostGroups) return { groups, more: true };
        seen.add(ref);
        next.push({ ref, from });
      }
    }
    if (next.length === 0) break;
    const entities = await load(next.map(({ ref }) => ref));
    level = next.map(({ ref, from }, index) => {
      const found = entities[index] ?? null;
      groups.push({
        ref,
        from,
        title: found ? displayName(found) : humanizeRef(ref, 'group'),
        found: found !== null,
        parents: targetsOf(found, 'childOf'),
        members: targetsOf(found, 'hasMember'),
      });
      return { ref, entity: found };
    });
  }
  return { groups, more: false };
}

/** The members of a group and of those below it, each with the groups through which it is one. */
export function membersOf(entity: Entity, { below }: Organization): Map<string, OrgGroup[]> {
  const direct = targetsOf(entity, 'hasMember').map((ref): [string, OrgGroup[]] => [ref, []]);
  const members = new Map(direct);
  const isDirect = new Set(members.keys());
  for (const group of below) {
    for (const ref of group.members) {
      if (!isDirect.has(ref)) members.set(ref, [...(members.get(ref) ?? []), group]);
    }
  }
  return members;
}
