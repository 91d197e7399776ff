import { describe, expect, it } from 'vitest';
import type { WholeRole } from '@/api/types';
import { newRule, readCriteria, storedCriteria } from './criteria';
import { type ConditionDraft, changesBetween, type Draft, draftOf, problemsOfDraft, rebased, requestOf } from './draft';

const label = (name: string) => ({ rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: name } });
const labels = [
  {
    name: 'HAS_LABEL',
    description: '',
    resourceType: 'catalog-entity',
    paramsSchema: { properties: { label: { type: 'string' } }, required: ['label'] },
  },
];

const role: WholeRole = {
  name: 'role:default/builders',
  source: 'rest',
  description: 'Build things',
  owner: 'group:default/platform',
  author: '',
  modifiedBy: '',
  createdAt: '',
  lastModified: '',
  isDefault: false,
  version: 'v1',
  mayUpdate: true,
  mayDelete: true,
  members: [{ entityRef: 'user:default/ada' }],
  policies: [{ entityReference: '', permission: 'catalog-entity', policy: 'read', effect: 'allow', source: 'rest' }],
  conditions: [
    {
      id: 7,
      result: 'CONDITIONAL',
      roleEntityRef: 'role:default/builders',
      pluginId: 'catalog',
      resourceType: 'catalog-entity',
      permissionMapping: [{ name: 'catalog.entity.delete', action: 'delete' }],
      conditions: label('one'),
      source: 'rest',
    },
  ],
};

const base = draftOf(role);
const [stored] = base.conditions as [ConditionDraft];
const changed = (change: Partial<Draft>): Draft => ({ ...base, ...change });
const withLabel = (name: string): ConditionDraft => ({ ...stored, criteria: readCriteria(label(name)) });

describe('requestOf', () => {
  it('sends back what was read', () => {
    expect(requestOf(base, role)).toEqual({
      name: 'role:default/builders',
      oldName: 'role:default/builders',
      version: 'v1',
      memberReferences: ['user:default/ada'],
      metadata: { description: 'Build things', owner: 'group:default/platform' },
      policies: [
        { entityReference: 'role:default/builders', permission: 'catalog-entity', policy: 'read', effect: 'allow' },
      ],
      conditions: [
        {
          id: 7,
          result: 'CONDITIONAL',
          roleEntityRef: 'role:default/builders',
          pluginId: 'catalog',
          resourceType: 'catalog-entity',
          permissionMapping: [{ name: 'catalog.entity.delete', action: 'delete' }],
          conditions: label('one'),
        },
      ],
    });
  });
});

describe('requestOf a renamed role', () => {
  it('has both names, and the new one in all parts', () => {
    const request = requestOf(changed({ name: 'default/makers' }), role);
    expect([request.name, request.oldName]).toEqual(['role:default/makers', 'role:default/builders']);
    expect(request.policies[0]?.entityReference).toBe('role:default/makers');
    expect(request.conditions[0]?.roleEntityRef).toBe('role:default/makers');
  });
});

describe('problemsOfDraft', () => {
  const problems = (draft: Draft) => problemsOfDraft(draft, undefined, () => labels);
  const other = { ...stored, key: -1, criteria: readCriteria(label('two')) };
  const { id: _, ...fresh } = stored;

  it('finds none in a good role', () => expect(problems(base).where).toEqual([]));

  it.each<[string, Partial<Draft>, RegExp]>([
    ['a name without a namespace', { name: 'builders' }, /namespace/],
    ['an owner that is no reference', { owner: 'platform' }, /user or a group/],
    ['a role without members', { members: [] }, /at least one member/],
    ['a policy twice', { policies: [...base.policies, ...base.policies] }, /twice/],
    [
      'a policy without permission',
      { policies: [{ permission: '', action: 'read', effect: 'allow' }] },
      /Choose a perm/,
    ],
    ['a condition without permission', { conditions: [{ ...stored, mapping: [] }] }, /at least one permission/],
    ['a condition without rule', { conditions: [{ ...stored, criteria: newRule() }] }, /Choose a rule/],
    ['criteria that cannot be read', { conditions: [{ ...stored, unreadable: 'no YAML' }] }, /no YAML/],
    ['conditions about the same', { conditions: [stored, other] }, /is about catalog.entity.delete/],
    ['a new condition without names', { conditions: [{ ...fresh, mapping: [{ action: 'delete' }] }] }, /Name the perm/],
    [
      'an action twice',
      { conditions: [{ ...stored, mapping: [...stored.mapping, { name: 'x', action: 'delete' }] }] },
      /one perm/,
    ],
  ])('names %s', (_name, change, reason) => {
    const found = problems(changed(change));
    const all = [found.name, found.owner, found.members, found.policies];
    for (const each of found.conditions.values()) all.push(each.mapping, ...each.criteria.values());
    expect(all.filter(Boolean).join('\n')).toMatch(reason);
    expect(found.where).not.toEqual([]);
  });

  describe('of conditions that are stored', () => {
    const odd = (criteria: unknown) =>
      draftOf({ ...role, conditions: role.conditions.map((c) => ({ ...c, conditions: criteria })) });
    const unknownRule = { ...label('one'), rule: 'HAS_MOOD' };

    it.each<[string, unknown, typeof labels | undefined]>([
      ['have a rule that is not listed', unknownRule, labels],
      ['cannot be checked, because the rules are not loaded', label('one'), undefined],
      ['the form cannot show', { ...label('one'), comment: 'why' }, labels],
      ['have an empty value', { ...label('one'), params: { label: '' } }, labels],
    ])('are none where nobody has touched conditions that %s', (_what, criteria, rules) => {
      const before = odd(criteria);
      const draft = { ...before, description: 'Another one' };
      expect(problemsOfDraft(draft, before, () => rules).where).toEqual([]);
      expect(requestOf(draft, role).conditions[0]?.conditions).toEqual(criteria);

      const [condition] = before.conditions as [ConditionDraft];
      const where = (change: Partial<ConditionDraft>) =>
        problemsOfDraft({ ...draft, conditions: [{ ...condition, ...change }] }, before, () => rules).where;
      expect(where({ mapping: [{ name: 'x', action: 'read' }] })).toEqual([]);
      expect(where({ mapping: [] })).toEqual(['condition 1']);
      expect(where({ criteria: storedCriteria({ not: criteria }) })).toEqual(['condition 1']);
      expect(where({ unreadable: 'no YAML' })).toEqual(['condition 1']);
    });
  });

  it('names all parts that have to be corrected', () => {
    const draft = changed({ owner: 'x', members: [], conditions: [stored, { ...other, mapping: [] }] });
    expect(problems(draft).where).toEqual(['owner', 'members', 'condition 2']);
  });
});

describe('changesBetween', () => {
  it('names every difference', () => {
    const to = changed({
      name: 'default/makers',
      description: '',
      members: ['group:default/team'],
      policies: [{ permission: 'catalog-entity', action: 'read', effect: 'deny' }],
      conditions: [withLabel('two')],
    });
    expect(changesBetween(base, to).map(({ part, did, what }) => `${part} ${did} ${what}`)).toEqual([
      'name changed default/makers',
      'description changed none',
      'member added group:default/team',
      'member removed user:default/ada',
      'policy added deny catalog-entity (read)',
      'policy removed allow catalog-entity (read)',
      'condition changed catalog.entity.delete if HAS_LABEL label two',
    ]);
    expect(changesBetween(base, draftOf(role))).toEqual([]);
  });
});

describe('rebased', () => {
  it('keeps the changes of both', () => {
    const mine = changed({ members: ['user:default/bob'], conditions: [withLabel('mine')] });
    const theirs = changed({
      description: 'Theirs',
      members: ['user:default/ada', 'user:default/eve'],
      policies: [],
      conditions: [withLabel('theirs'), { ...stored, key: -2, id: 8 }],
    });
    const both = rebased(base, mine, theirs);
    expect(both.description).toBe('Theirs');
    expect(both.members).toEqual(['user:default/eve', 'user:default/bob']);
    expect(both.policies).toEqual([]);
    expect(both.conditions.map(({ id, criteria }) => [id, 'params' in criteria && criteria.params.label])).toEqual([
      [7, 'mine'],
      [8, 'one'],
    ]);
  });

  it('makes a changed condition new that somebody has deleted, and leaves out one that only they have touched', () => {
    const mine = changed({ conditions: [withLabel('mine')] });
    expect(rebased(base, mine, changed({ conditions: [] })).conditions.map(({ id }) => id)).toEqual([undefined]);
    expect(rebased(base, base, changed({ conditions: [] })).conditions).toEqual([]);
    expect(rebased(base, changed({ conditions: [] }), changed({})).conditions).toEqual([]);
  });
});
