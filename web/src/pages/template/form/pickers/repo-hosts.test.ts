import { describe, expect, it } from 'vitest';
import type { PartChoice } from '@/api/types';
import { hostChoices, optionOf, usualChoice } from './repo-hosts';

describe('hostChoices', () => {
  const lists = { owner: [], repo: ['owner'] };
  const known = [
    { host: 'github.com', type: 'github', hasCredentials: false, lists, tellsNames: true, tellsBranches: false },
    { host: 'git.example.com', type: 'github', hasCredentials: true, lists, tellsNames: true, tellsBranches: false },
    { host: 'gerrit.com', type: 'gerrit', hasCredentials: true, lists: {}, tellsNames: false, tellsBranches: false },
  ];
  const nothing = { lists: {}, tellsNames: false, tellsBranches: false };

  it('puts hosts with credentials first, with notes on the others', () => {
    expect(hostChoices(['github.com', 'git.example.com', 'gerrit.com', 'lost.example.com'], known)).toEqual([
      { host: 'git.example.com', remark: undefined, lists, tellsNames: true, tellsBranches: false },
      { host: 'gerrit.com', remark: undefined, ...nothing },
      { host: 'github.com', remark: 'no credentials', ...nothing },
      { host: 'lost.example.com', remark: 'not configured', ...nothing },
    ]);
  });

  it('keeps their order while they are loading', () => {
    expect(hostChoices(['github.com', 'git.example.com'], undefined)).toEqual([
      { host: 'github.com', remark: undefined, ...nothing },
      { host: 'git.example.com', remark: undefined, ...nothing },
    ]);
  });
});

describe('usualChoice', () => {
  const me: PartChoice = { value: 'me', kind: 'user' };
  const acme: PartChoice = { value: 'acme', kind: 'organization' };
  it.each([
    [[acme], 'acme'],
    [[me], 'me'],
    [[me, acme], 'acme'],
    [[acme, { ...acme, value: 'emca' }], undefined],
    [[], undefined],
  ])('of %j is %s', (choices, value) => {
    expect(usualChoice(choices)).toBe(value);
  });
});

it.each<[PartChoice, string | undefined]>([
  [{ value: 'acme', kind: 'group' }, 'group'],
  [{ value: 'WEB', title: 'Web shop' }, 'Web shop'],
  [{ value: 'web', title: 'Web' }, undefined],
  [{ value: 'web' }, undefined],
])('%j has the hint %j', (choice, hint) => {
  expect(optionOf(choice).hint).toBe(hint);
});
