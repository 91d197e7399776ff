import { expect, it } from 'vitest';
import { issueAddress } from './issue';

const quotation = { page: 'https://portal.example.com/docs/a/b/c/', title: 'Crane', text: 'It lifts.\nIt turns.' };
const types = { 'git.example.com': 'github', 'code.example.com': 'gitea', 'labs.example.com': 'gitlab' };

function parse(edit: string) {
  const address = issueAddress({ ...quotation, edit }, types);
  return address === undefined ? undefined : new URL(address);
}

it.each([
  ['https://github.com/demo/harbour/edit/main/docs/index.md', 'https://github.com/demo/harbour/issues/new'],
  ['https://git.example.com/demo/harbour/edit/main/docs/index.md', 'https://git.example.com/demo/harbour/issues/new'],
  [
    'https://code.example.com/demo/harbour/_edit/main/docs/index.md',
    'https://code.example.com/demo/harbour/issues/new',
  ],
])('%s', (edit, issues) => {
  const url = parse(edit);
  expect(`${url?.origin}${url?.pathname}`).toBe(issues);
  expect(url?.searchParams.get('title')).toBe('Documentation: Crane');
  expect(url?.searchParams.get('body')).toMatch(/^> It lifts\.\n> It turns\.\n\nWhat should be different\?/);
});

it('knows how GitLab names its parameters, and its groups in groups', () => {
  const url = parse('https://labs.example.com/a/b/harbour/-/edit/main/docs/index.md');
  expect(`${url?.origin}${url?.pathname}`).toBe('https://labs.example.com/a/b/harbour/-/issues/new');
  expect(url?.searchParams.get('issue[title]')).toBe('Documentation: Crane');
});

it.each(['https://wiki.example.com/a/b/c', 'javascript:alert(1)', 'not an address'])('nothing for %s', (edit) => {
  expect(parse(edit)).toBeUndefined();
});
