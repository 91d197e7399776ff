import { describe, expect, it, vi } from 'vitest';
import type { Entity } from '@/api/types';
import { membersOf, readOrganization } from './organization';

function group(name: string, relations: Record<string, string[]>): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: name.startsWith('u-') ? 'User' : 'Group',
    metadata: { name, namespace: 'default' },
    relations: Object.entries(relations).flatMap(([type, names]) =>
      names.map((target) => ({ type, targetRef: `${target.startsWith('u-') ? 'user' : 'group'}:default/${target}` })),
    ),
  };
}

const all = group('all', { parentOf: ['eng'] });
const eng = group('eng', { childOf: ['all'], parentOf: ['web', 'ops', 'secret'], hasMember: ['u-ada'] });
const web = group('web', { childOf: ['eng'], parentOf: ['css'], hasMember: ['u-ada', 'u-bo'] });
const ops = group('ops', { childOf: ['eng'], hasMember: ['u-bo', 'u-cy'] });
// Its parents are in a circle.
const css = group('css', { childOf: ['web'], parentOf: ['eng'], hasMember: [] });
const groups = [all, eng, web, ops, css];

const load = vi.fn(async (refs: string[]) =>
  refs.map((ref) => groups.find(({ metadata }) => `group:default/${metadata.name}` === ref) ?? null),
);

const names = (list: readonly { ref: string }[]) => list.map(({ ref }) => ref.replace(/.*\//, ''));

describe('an organization', () => {
  it('has the groups above and below, those in a circle once, and names what is not to be seen', async () => {
    load.mockClear();
    const found = await readOrganization(eng, load);
    expect(names(found.above)).toEqual(['all']);
    expect(names(found.below)).toEqual(['web', 'ops', 'secret', 'css']);
    expect(found.below.map(({ found }) => found)).toEqual([true, true, false, true]);
    expect(found.below.at(-1)?.from).toBe('group:default/web');
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('has the members of all groups once, direct ones as such', async () => {
    const members = membersOf(eng, await readOrganization(eng, load));
    const through = [...members].map(([ref, groups]) => [ref.replace(/.*\//, ''), names(groups)]);
    expect(through).toEqual([
      ['u-ada', []],
      ['u-bo', ['web', 'ops']],
      ['u-cy', ['ops']],
    ]);
  });

  it('of a user is the groups of the user, and those above them', async () => {
    const found = await readOrganization(group('u-cy', { memberOf: ['ops'] }), load);
    expect(names(found.above)).toEqual(['ops', 'eng', 'all']);
    expect(found.below).toEqual([]);
  });

  it('of very many groups ends', async () => {
    const many = group('many', { parentOf: Array.from({ length: 600 }, (_, index) => `g${index}`) });
    const found = await readOrganization(many, async (refs) => refs.map(() => null));
    expect(found.more).toBe(true);
  });
});
