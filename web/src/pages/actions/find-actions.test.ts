import { expect, it } from 'vitest';
import type { Action } from '@/api/types';
import { findActions, groupActions } from './find-actions';

const actions: Action[] = [
  { id: 'publish:github', description: 'Creates a repository.', schema: { input: { properties: { repoUrl: {} } } } },
  { id: 'catalog:write', description: 'Writes a file for a repository of GitHub or others.', schema: {} },
  { id: 'publish:azure', schema: {} },
];

const ids = (found: readonly Action[]) => found.map(({ id }) => id);

it.each([
  ['', ['publish:github', 'catalog:write', 'publish:azure']],
  ['GitHub', ['publish:github', 'catalog:write']],
  ['repository publish', ['publish:github']],
  ['repourl', ['publish:github']],
  ['nothing', []],
])('%j finds %j', (text, found) => {
  expect(ids(findActions(actions, text))).toEqual(found);
});

it('actions are grouped by the first part of their ids', () => {
  expect(groupActions(actions).map(({ system, actions: alike }) => [system, ids(alike)])).toEqual([
    ['catalog', ['catalog:write']],
    ['publish', ['publish:azure', 'publish:github']],
  ]);
});
