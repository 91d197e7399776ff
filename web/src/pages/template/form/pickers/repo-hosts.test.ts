import { describe, expect, it } from 'vitest';
import type { RepositoryOwner } from '@/api/types';
import { hostChoices, usualOwner } from './repo-hosts';

describe('hostChoices', () => {
  const known = [
    { host: 'github.com', type: 'github', hasCredentials: false, tellsOwners: true },
    { host: 'git.example.com', type: 'github', hasCredentials: true, tellsOwners: true },
    { host: 'gitlab.com', type: 'gitlab', hasCredentials: true, tellsOwners: false },
  ];

  it('puts hosts with credentials first, with notes on the others', () => {
    expect(hostChoices(['github.com', 'git.example.com', 'gitlab.com', 'lost.example.com'], known)).toEqual([
      { host: 'git.example.com', remark: undefined, tellsOwners: true },
      { host: 'gitlab.com', remark: undefined, tellsOwners: false },
      { host: 'github.com', remark: 'no credentials', tellsOwners: false },
      { host: 'lost.example.com', remark: 'not configured', tellsOwners: false },
    ]);
  });

  it('keeps their order while they are loading', () => {
    expect(hostChoices(['github.com', 'git.example.com'], undefined).map(({ host }) => host)).toEqual([
      'github.com',
      'git.example.com',
    ]);
  });
});

describe('usualOwner', () => {
  const me: RepositoryOwner = { name: 'me', kind: 'user' };
  const acme: RepositoryOwner = { name: 'acme', kind: 'organization' };
  it.each([
    [[acme], 'acme'],
    [[me], 'me'],
    [[me, acme], 'acme'],
    [[acme, { ...acme, name: 'emca' }], undefined],
    [[], undefined],
  ])('of %j is %s', (owners, owner) => {
    expect(usualOwner(owners)).toBe(owner);
  });
});
