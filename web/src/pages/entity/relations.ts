import type { Entity } from '@/api/types';

export interface RelationGroup {
  type: string;
  label: string;
  refs: string[];
}

/** Relation types in the order of importance, with labels. Other types follow with their names. */
const labels: Record<string, string> = {
  ownedBy: 'Owned by',
  partOf: 'Part of',
  hasPart: 'Consists of',
  providesApi: 'Provides',
  apiProvidedBy: 'Provided by',
  consumesApi: 'Uses',
  apiConsumedBy: 'Used by',
  dependsOn: 'Depends on',
  dependencyOf: 'Needed by',
  ownerOf: 'Owns',
  memberOf: 'Member of',
  hasMember: 'Members',
  parentOf: 'Above',
  childOf: 'Below',
};

/** An entity's relations by type, each target once. */
export function groupRelations(entity: Entity): RelationGroup[] {
  const groups = new Map<string, Set<string>>();
  for (const { type, targetRef } of entity.relations ?? []) {
    groups.set(type, (groups.get(type) ?? new Set()).add(targetRef));
  }
  const known = Object.keys(labels);
  const rank = (type: string) => (known.includes(type) ? known.indexOf(type) : known.length);
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([type, refs]) => ({ type, label: labels[type] ?? type, refs: [...refs].sort() }));
}
