import { describe, expect, it } from 'vitest';
import { intentOf, traceOf, willRun } from './intent';
import { pagesOf } from './pages';

const pages = pagesOf(
  {
    title: 'T',
    steps: [
      {
        title: 'A',
        schema: {
          properties: {
            id: { type: 'string', 'ui:field': 'EntityNamePicker' },
            team: { type: 'string', 'ui:field': 'OwnerPicker' },
          },
        },
      },
      { title: 'B', schema: { properties: { target: { type: 'string', 'ui:field': 'RepoUrlPicker' } } } },
    ],
  },
  undefined,
);

describe('intentOf', () => {
  it('reads the special fields', () => {
    const values = { id: 'payments', team: 'group:default/team-a', target: 'git.local?owner=acme&repo=payments' };
    expect(intentOf(pages, values)).toEqual({ what: 'payments', owner: 'team-a', where: 'git.local/acme/payments' });
  });
  it('falls back to the usual names, then to the repository', () => {
    expect(intentOf([], { name: 'web', owner: 'user:default/guest' })).toEqual({
      what: 'web',
      owner: 'user:guest',
      where: undefined,
    });
    expect(intentOf([], { repoUrl: 'git.local?owner=acme&repo=web' }).what).toBe('web');
  });
});

it.each([
  ['publish:github', 'creates a repository'],
  ['publish:github:pull-request', 'opens a change request'],
  ['catalog:register', 'adds to the catalog'],
  ['fetch:template', undefined],
])('traceOf(%s)', (action, trace) => {
  expect(traceOf(action)).toBe(trace);
});

describe('willRun', () => {
  it.each([
    [undefined, {}, true],
    [false, {}, false],
    ['${{ parameters.docs }}', { docs: false }, false],
    ['${{ parameters.docs }}', { docs: true }, true],
    ['${{ parameters.docs }}', {}, false],
    ['${{ parameters.langs }}', { langs: [] }, false],
    ['${{ not parameters.docs }}', { docs: true }, false],
    ['${{ parameters.langs | length > 0 }}', { langs: [] }, undefined],
  ])('decides %j with %j', (condition, values, runs) => {
    expect(willRun({ action: 'debug:log', ...(condition !== undefined && { if: condition }) }, values)).toBe(runs);
  });
});
