import type { Entity } from '@/api/types';
import { capitalized } from '@/ui/format';

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

/** Each relation that leads to what needs an entity or belongs to it, with the one that says the same from there. */
const forward: Record<string, string> = {
  ownerOf: 'ownedBy',
  hasPart: 'partOf',
  apiProvidedBy: 'providesApi',
  apiConsumedBy: 'consumesApi',
  dependencyOf: 'dependsOn',
  hasMember: 'memberOf',
  parentOf: 'childOf',
};

export function isBackward(type: string): boolean {
  return Object.hasOwn(forward, type);
}

/** The type of the same relation, from the entity that needs the other one or belongs to it. */
export function forwardOf(type: string): string {
  return isBackward(type) ? (forward[type] ?? type) : type;
}

/** The name of a relation within a sentence. */
export function relationWords(type: string): string {
  const label = Object.hasOwn(labels, type) ? labels[type] : undefined;
  return label?.toLowerCase() ?? type;
}

/** An entity's relations by type, each target once. Titles are those of relations of one's own, by type. */
export function groupRelations(entity: Entity, titles: Readonly<Record<string, string>> = {}): RelationGroup[] {
  const groups = new Map<string, Set<string>>();
  for (const { type, targetRef } of entity.relations ?? []) {
    groups.set(type, (groups.get(type) ?? new Set()).add(targetRef));
  }
  const known = Object.keys(labels);
  const rank = (type: string) => (known.includes(type) ? known.indexOf(type) : known.length);
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([type, refs]) => ({
      type,
      label: labels[type] ?? (titles[type] ? capitalized(titles[type]) : type),
      refs: [...refs].sort(),
    }));
}
