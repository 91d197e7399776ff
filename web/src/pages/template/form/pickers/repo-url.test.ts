import { describe, expect, it } from 'vitest';
import { formatRepoUrl, humanizeRepoUrl, parseRepoUrl, repoUrlProblem } from './repo-url';

describe('repository addresses', () => {
  it.each(['github.com?owner=acme&repo=web', 'git.local?repo=web&owner=acme&workspace=w'])('survive %s', (value) => {
    expect(formatRepoUrl(parseRepoUrl(value))).toBe(value);
  });
  it('are shown as host/owner/repo', () => {
    expect(humanizeRepoUrl('github.com?owner=acme&repo=web')).toBe('github.com/acme/web');
    expect(humanizeRepoUrl(undefined)).toBe('');
  });
});

describe('repoUrlProblem', () => {
  it.each([
    [undefined, undefined],
    ['github.com?owner=acme&repo=web', undefined],
    ['?owner=acme&repo=web', 'Choose a host.'],
    ['github.com?repo=web', 'Say who will own the repository.'],
    ['github.com?owner=acme', 'Give the repository a name.'],
    ['github.com?owner=acme&repo=a b', 'A repository’s name has letters, digits, dots, dashes and underscores only.'],
  ])('validates %s', (value, problem) => {
    expect(repoUrlProblem(value)).toBe(problem);
  });
});
