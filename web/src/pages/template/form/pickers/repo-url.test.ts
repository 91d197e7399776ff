import { describe, expect, it } from 'vitest';
import { formatRepoUrl, humanizeRepoUrl, parseRepoUrl, partsOn, repoUrlProblem } from './repo-url';

describe('repository addresses', () => {
  it.each(['github.com?owner=acme&repo=web', 'git.local?repo=web&owner=acme&workspace=w'])('survive %s', (value) => {
    expect(formatRepoUrl(parseRepoUrl(value))).toBe(value);
  });
  it.each([
    ['github.com?owner=acme&repo=web', 'github.com/acme/web'],
    ['dev.azure.com?organization=acme&project=shop&repo=web', 'dev.azure.com/acme/shop/web'],
    [undefined, ''],
  ])('%j is shown as %j', (value, shown) => {
    expect(humanizeRepoUrl(value)).toBe(shown);
  });
});

const hosts = [
  { type: 'azure', host: 'tfs.acme.example' },
  { type: 'bitbucketCloud', host: 'bitbucket.org' },
  { type: 'bitbucketServer', host: 'git.acme.example' },
  { type: 'gerrit', host: 'gerrit.acme.example' },
  { type: 'gitea', host: 'gitea.acme.example' },
  { type: 'github', host: 'github.com' },
  { type: 'gitlab', host: 'gitlab.acme.example' },
];

it.each([
  ['tfs.acme.example', 'organization project repo'],
  ['bitbucket.org', 'workspace project repo'],
  ['git.acme.example', 'project repo'],
  ['gerrit.acme.example', 'workspace owner repo'],
  ['gitea.acme.example', 'owner repo'],
  ['github.com', 'owner repo'],
  ['gitlab.acme.example', 'owner repo'],
  ['dev.azure.com', 'organization project repo'],
  ['gitlab.com', 'owner repo'],
  ['unknown.example', 'owner repo'],
])('a repository on %s has %s', (host, names) => {
  expect(
    partsOn(host, hosts)
      .map(({ name }) => name)
      .join(' '),
  ).toBe(names);
});

describe('repoUrlProblem', () => {
  it.each([
    [undefined, undefined],
    ['github.com?owner=acme&repo=web', undefined],
    ['?owner=acme&repo=web', 'Choose a host.'],
    ['github.com?repo=web', 'Say who will own the repository.'],
    ['github.com?owner=acme', 'Give the repository a name.'],
    ['github.com?owner=acme&repo=a b', 'A repository’s name has letters, digits, dots, dashes and underscores only.'],
    ['gitlab.acme.example?owner=acme%2Fteam&repo=web', undefined],
    ['gitlab.acme.example?project=4711&repo=web', undefined],
    ['dev.azure.com?project=shop&repo=web', 'Say in which organization it will be.'],
    ['tfs.acme.example?organization=acme&repo=web', 'Say in which project it will be.'],
    ['bitbucket.org?project=SHOP&repo=web', 'Say in which workspace it will be.'],
    ['bitbucket.org?workspace=acme&project=SHOP&repo=web', undefined],
    ['git.acme.example?repo=web', 'Say in which project it will be.'],
    ['gerrit.acme.example?repo=web', undefined],
    ['gitea.acme.example?repo=web', 'Say who will own the repository.'],
  ])('validates %s', (value, problem) => {
    expect(repoUrlProblem(value, hosts)).toBe(problem);
  });
});
