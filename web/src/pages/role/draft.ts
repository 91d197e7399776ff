import type { PlacedCondition, RoleDraft, WholeRole } from '@/api/types';
import { type Criteria, inWords, type KnownRule, newRule, problemsOf, storedCriteria, writeCriteria } from './criteria';

export type Effect = 'allow' | 'deny';

export interface PolicyDraft {
  permission: string;
  /** create, read, update, delete, or use. */
  action: string;
  effect: Effect;
}

/** A permission of a condition. One without a name is every permission with the action; files have them. */
export interface Mapping {
  name?: string;
  action: string;
}

export interface ConditionDraft {
  /** Identifies the condition in the editor. */
  key: number;
  /** The stored condition; undefined for a new one. */
  id?: number;
  pluginId: string;
  resourceType: string;
  mapping: Mapping[];
  criteria: Criteria;
  /** Why the text that somebody is typing is no criteria. The criteria are the last that could be read. */
  unreadable?: string;
}

/** A role as somebody is editing it. */
export interface Draft {
  /** Without role:, such as default/developers. */
  name: string;
  description: string;
  owner: string;
  members: string[];
  policies: PolicyDraft[];
  conditions: ConditionDraft[];
}

export const emptyDraft: Draft = {
  name: 'default/',
  description: '',
  owner: '',
  members: [],
  policies: [],
  conditions: [],
};

let keys = 0;

export function newCondition(pluginId: string, resourceType: string): ConditionDraft {
  return { key: ++keys, pluginId, resourceType, mapping: [], criteria: newRule() };
}

/** The draft of a role that nobody has changed yet. */
export function draftOf(role: WholeRole): Draft {
  return {
    name: role.name.replace(/^role:/, ''),
    description: role.description,
    owner: role.owner,
    members: role.members.map(({ entityRef }) => entityRef),
    policies: role.policies.map(({ permission, policy, effect }) => ({
      permission,
      action: policy,
      effect: effect === 'deny' ? 'deny' : 'allow',
    })),
    conditions: role.conditions.map(draftOfCondition),
  };
}

function draftOfCondition({
  id,
  pluginId,
  resourceType,
  permissionMapping,
  conditions,
}: PlacedCondition): ConditionDraft {
  return {
    key: ++keys,
    id,
    pluginId,
    resourceType,
    mapping: permissionMapping.map((entry) => (typeof entry === 'string' ? { action: entry } : entry)),
    criteria: storedCriteria(conditions),
  };
}

/** The request that saves a draft of a role as it was read. Without one, it creates the role. */
export function requestOf(draft: Draft, base?: WholeRole): RoleDraft {
  const name = `role:${draft.name}`;
  return {
    name,
    ...(base && { version: base.version, oldName: base.name }),
    memberReferences: draft.members,
    metadata: { description: draft.description, owner: draft.owner },
    policies: draft.policies.map(({ permission, action, effect }) => ({
      entityReference: name,
      permission,
      policy: action,
      effect,
    })),
    conditions: draft.conditions.map((condition) => ({
      ...(condition.id && { id: condition.id }),
      result: 'CONDITIONAL',
      roleEntityRef: name,
      pluginId: condition.pluginId,
      resourceType: condition.resourceType,
      permissionMapping: condition.mapping.map(({ name, action }) => (name ? { name, action } : action)),
      conditions: writeCriteria(condition.criteria, condition.resourceType),
    })),
  };
}

/** What is wrong with a draft, by the part of the form. */
export interface Problems {
  name?: string;
  owner?: string;
  members?: string;
  policies?: string;
  /** By the key of the condition. */
  conditions: Map<number, ConditionProblems>;
  /** The parts that have to be corrected, in words. */
  where: string[];
}

export interface ConditionProblems {
  mapping?: string;
  criteria: Map<number, string>;
}

const roleName = /^[a-z0-9]+(-[a-z0-9]+)*\/[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$/;
const holder = /^(user|group):[a-z0-9]+(-[a-z0-9]+)*\/[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$/;

export function isHolder(ref: string): boolean {
  return holder.test(ref);
}

/**
 * What the server would refuse, as far as the browser can tell. Stored criteria that nobody has touched have no
 * problem: the server has accepted them, although it may have other bounds, and rules that it does not list. rulesOf
 * returns undefined until the rules are loaded.
 */
export function problemsOfDraft(
  draft: Draft,
  base: Draft | undefined,
  rulesOf: (resourceType: string) => readonly KnownRule[] | undefined,
): Problems {
  const conditions = new Map<number, ConditionProblems>();
  const where: string[] = [];
  draft.conditions.forEach((condition, index) => {
    const before = base?.conditions.find(({ id }) => id !== undefined && id === condition.id);
    if (before && isSame(before, condition) && !condition.unreadable) return;
    const mapping = problemOfMapping(condition, draft.conditions);
    const isKept = before && hasSameCriteria(before, condition);
    const criteria = isKept ? new Map() : problemsOf(condition.criteria, rulesOf(condition.resourceType));
    if (condition.unreadable) criteria.set(condition.criteria.key, condition.unreadable);
    if (!mapping && criteria.size === 0) return;
    conditions.set(condition.key, { ...(mapping && { mapping }), criteria });
    where.push(`condition ${index + 1}`);
  });
  const found = {
    ...(!roleName.test(draft.name) && {
      name: 'A name has a namespace and a name, such as default/developers: letters, digits, and - _ . between them.',
    }),
    ...(draft.owner !== '' &&
      !isHolder(draft.owner) && { owner: 'Name a user or a group, such as group:default/team.' }),
    ...(draft.members.length === 0 && { members: 'A role has at least one member.' }),
    ...problemOfPolicies(draft.policies),
  };
  return { ...found, conditions, where: [...Object.keys(found), ...where] };
}

function problemOfPolicies(policies: readonly PolicyDraft[]): { policies?: string } {
  const lines = policies.map(policyInWords);
  const twice = lines.find((line, index) => lines.indexOf(line) !== index);
  if (twice) return { policies: `“${twice}” is there twice.` };
  return policies.some(({ permission }) => permission === '') ? { policies: 'Choose a permission.' } : {};
}

function problemOfMapping(condition: ConditionDraft, all: readonly ConditionDraft[]): string | undefined {
  const { mapping } = condition;
  if (mapping.length === 0) return 'Choose at least one permission.';
  if (condition.id === undefined && mapping.some(({ name }) => !name)) return 'Name the permissions.';
  const twice = mapping.find(({ action }, index) => mapping.findIndex((other) => other.action === action) !== index);
  if (twice)
    return `A condition has one permission with the action ${twice.action}: make another condition for the other.`;
  const others = all.filter((other) => other.key !== condition.key && other.resourceType === condition.resourceType);
  const taken = mapping.find((mine) =>
    others.some((other) =>
      other.mapping.some(({ name, action }) => action === mine.action && (!name || !mine.name || name === mine.name)),
    ),
  );
  return taken && `Another condition of this role is about ${taken.name ?? taken.action}: join them with anyOf.`;
}

export function policyInWords({ permission, action, effect }: PolicyDraft): string {
  return `${effect} ${permission} (${action})`;
}

export function conditionInWords({ mapping, resourceType, criteria }: ConditionDraft): string {
  const what = mapping.map(({ name, action }) => name ?? `${action} of ${resourceType}`).join(', ');
  return `${what || resourceType} if ${inWords(criteria)}`;
}

/** One difference between two states of a role. */
export interface Change {
  part: 'name' | 'description' | 'owner' | 'member' | 'policy' | 'condition';
  did: 'added' | 'removed' | 'changed';
  /** What was added, removed, or what it is now. */
  what: string;
}

/** The differences from one state of a role to another, for people to read. */
export function changesBetween(from: Draft, to: Draft): Change[] {
  return [
    ...changedText('name', from.name, to.name),
    ...changedText('description', from.description, to.description),
    ...changedText('owner', from.owner, to.owner),
    ...changedList('member', from.members, to.members),
    ...changedList('policy', from.policies.map(policyInWords), to.policies.map(policyInWords)),
    ...changedConditions(from.conditions, to.conditions),
  ];
}

function changedText(part: 'name' | 'description' | 'owner', from: string, to: string): Change[] {
  return from === to ? [] : [{ part, did: 'changed', what: to || 'none' }];
}

function changedList(part: Change['part'], from: readonly string[], to: readonly string[]): Change[] {
  return [
    ...to.filter((what) => !from.includes(what)).map((what): Change => ({ part, did: 'added', what })),
    ...from.filter((what) => !to.includes(what)).map((what): Change => ({ part, did: 'removed', what })),
  ];
}

function changedConditions(from: readonly ConditionDraft[], to: readonly ConditionDraft[]): Change[] {
  const part = 'condition';
  const changed = to.flatMap((mine): Change[] => {
    const before = mine.id === undefined ? undefined : from.find(({ id }) => id === mine.id);
    if (!before) return [{ part, did: 'added', what: conditionInWords(mine) }];
    return isSame(before, mine) ? [] : [{ part, did: 'changed', what: conditionInWords(mine) }];
  });
  const removed = from
    .filter(({ id }) => !to.some((mine) => mine.id === id))
    .map((gone): Change => ({ part, did: 'removed', what: conditionInWords(gone) }));
  return [...changed, ...removed];
}

function isSame(a: ConditionDraft, b: ConditionDraft): boolean {
  const about = ({ pluginId, mapping }: ConditionDraft) =>
    JSON.stringify([pluginId, mapping.map(({ name, action }) => [name, action])]);
  return about(a) === about(b) && hasSameCriteria(a, b);
}

function hasSameCriteria(a: ConditionDraft, b: ConditionDraft): boolean {
  const text = ({ resourceType, criteria }: ConditionDraft) =>
    JSON.stringify([resourceType, writeCriteria(criteria, resourceType)]);
  return text(a) === text(b);
}

/**
 * My changes of a role, made again on what somebody else has made of it meanwhile. Where both have changed the
 * same text or condition, mine counts.
 */
export function rebased(base: Draft, mine: Draft, theirs: Draft): Draft {
  const text = (part: 'name' | 'description' | 'owner') => (mine[part] === base[part] ? theirs[part] : mine[part]);
  return {
    name: text('name'),
    description: text('description'),
    owner: text('owner'),
    members: rebasedList(base.members, mine.members, theirs.members, (ref) => ref),
    policies: rebasedList(base.policies, mine.policies, theirs.policies, policyInWords),
    conditions: rebasedConditions(base.conditions, mine.conditions, theirs.conditions),
  };
}

function rebasedList<T>(base: readonly T[], mine: readonly T[], theirs: readonly T[], keyOf: (item: T) => string): T[] {
  const keysOf = (list: readonly T[]) => new Set(list.map(keyOf));
  const [before, now, other] = [keysOf(base), keysOf(mine), keysOf(theirs)];
  const kept = theirs.filter((item) => now.has(keyOf(item)) || !before.has(keyOf(item)));
  return [...kept, ...mine.filter((item) => !before.has(keyOf(item)) && !other.has(keyOf(item)))];
}

function rebasedConditions(
  base: readonly ConditionDraft[],
  mine: readonly ConditionDraft[],
  theirs: readonly ConditionDraft[],
): ConditionDraft[] {
  const withId = (list: readonly ConditionDraft[], id: number | undefined) => list.find((each) => each.id === id);
  const kept = theirs.flatMap((their) => {
    const before = withId(base, their.id);
    const my = withId(mine, their.id);
    if (before && !my) return [];
    return [before && my && !isSame(before, my) ? my : their];
  });
  // A condition that somebody has deleted and I have changed becomes a new one.
  const lost = mine
    .filter((my) => my.id !== undefined && !withId(theirs, my.id))
    .filter((my) => {
      const before = withId(base, my.id);
      return before && !isSame(before, my);
    })
    .map(({ id: _, ...rest }) => rest);
  return [...kept, ...lost, ...mine.filter(({ id }) => id === undefined)];
}
