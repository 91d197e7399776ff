import { expect, it } from 'vitest';
import { cursorOf, offsetOf, questionOf, toggle } from './filters';

it('asks with the filters as conditions', () => {
  const search = { query: 'x', 'filters[kind][]': ['Component', 'API'], 'filters[tag][]': ['two words'] };
  expect(questionOf(search, 'shop')).toBe('shop kind:Component kind:API tag:"two words"');
  expect(questionOf({}, '')).toBe('');
});

it('reads the cursors of Backstage', () => {
  expect(cursorOf(1)).toBe('MQ==');
  expect(offsetOf('Mg==', 25)).toBe(50);
  expect([undefined, '', '%', btoa('-1'), btoa('x')].map((cursor) => offsetOf(cursor, 25))).toEqual([0, 0, 0, 0, 0]);
});

it('begins at the first page when a filter changes', () => {
  const filtered = toggle({ query: 'x', pageCursor: 'MQ==' }, 'kind', 'API');
  expect(filtered).toEqual({ query: 'x', 'filters[kind][]': ['API'] });
  expect(toggle(filtered, 'kind', 'api')).toEqual({ query: 'x' });
});

it('takes a condition back that was typed', () => {
  const typed = { query: 'shop kind:api  "red  pen" language:go tag:"two words"' };
  expect(toggle(typed, 'kind', 'api')).toEqual({ query: 'shop "red  pen" language:go tag:"two words"' });
  expect(toggle(typed, 'lang', 'go')).toEqual({ query: 'shop kind:api "red  pen" tag:"two words"' });
  expect(toggle(typed, 'tag', 'two words')).toEqual({ query: 'shop kind:api "red  pen" language:go' });
  expect(toggle(typed, 'type', 'api')).toEqual({ ...typed, 'filters[type][]': ['api'] });
  expect(toggle({ query: 'kind:api' }, 'kind', 'api')).toEqual({});
});
