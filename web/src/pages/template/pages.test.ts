import { expect, it } from 'vitest';
import type { Entity, JsonObject } from '@/api/types';
import { hiddenNames, pagesOf } from './pages';

const password = { type: 'string', 'ui:widget': 'password' };

it.each<[string, JsonObject, string[]]>([
  ['a secret', { properties: { token: { type: 'string', 'ui:field': 'Secret' } } }, ['token']],
  ['a widget', { properties: { token: password } }, ['token']],
  ['a format', { properties: { token: { type: 'string', format: 'password' } } }, ['token']],
  ['an option', { properties: { token: { type: 'string', 'ui:options': { widget: 'password' } } } }, ['token']],
  ['the items of a list', { properties: { tokens: { type: 'array', items: password } } }, ['tokens']],
  [
    'the items of a list of lists',
    { properties: { tokens: { type: 'array', items: { type: 'array', items: password } } } },
    ['tokens'],
  ],
  [
    'the places of a list',
    { properties: { pair: { type: 'array', items: [{ type: 'string' }, password] } } },
    ['pair'],
  ],
  ['a property called items', { properties: { box: { properties: { items: password } } } }, ['items']],
  [
    'what a list’s items hold',
    { properties: { hosts: { type: 'array', items: { properties: { host: { type: 'string' }, pin: password } } } } },
    ['pin'],
  ],
  ['any further property', { properties: { env: { type: 'object', additionalProperties: password } } }, ['env']],
  [
    'branches',
    {
      properties: { choice: { oneOf: [{ type: 'null' }, password] } },
      allOf: [{ properties: { a: password } }],
      anyOf: [{ properties: { b: password } }],
      oneOf: [{ properties: { c: password } }],
      if: { properties: { kind: { const: 'x' } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { d: password } },
      else: { properties: { e: password } },
      dependencies: { kind: { oneOf: [{ properties: { f: password } }] }, other: ['kind'] },
    },
    ['a', 'b', 'c', 'choice', 'd', 'e', 'f'],
  ],
  [
    'a definition, also one that holds itself',
    {
      definitions: {
        pin: password,
        node: { properties: { code: { $ref: '#/definitions/pin' }, next: { $ref: '#/definitions/node' } } },
      },
      properties: { first: { $ref: '#/definitions/node' }, lost: { $ref: '#/definitions/lost' } },
    },
    ['code'],
  ],
  ['nothing', { properties: { name: { type: 'string' }, 'ui:widget': { type: 'string' } } }, []],
])('hiddenNames finds %s', (_, schema, names) => {
  const pages = pagesOf({ title: 'T', steps: [{ title: 'P', schema }] }, undefined);
  expect([...hiddenNames(pages)].toSorted()).toEqual(names);
});

it('a page asks for the declared secrets for which no field does, nor a picker', () => {
  const schema = {
    type: 'object',
    required: ['apiKey', 'typed'],
    properties: { apiKey: { type: 'string', minLength: 8 }, typed: { type: 'string' }, userToken: { type: 'string' } },
  };
  const template = { kind: 'Template', metadata: { name: 't' }, spec: { secrets: { schema } } } as unknown as Entity;
  const requestUserCredentials = { secretsKey: 'userToken' };
  const fields = {
    typed: { type: 'string', 'ui:field': 'Secret' },
    repoUrl: { type: 'string', 'ui:field': 'RepoUrlPicker', 'ui:options': { requestUserCredentials } },
  };
  const pages = pagesOf({ title: 'T', steps: [{ title: 'P', schema: { properties: fields } }] }, template);
  expect(pages.map(({ title }) => title)).toEqual(['P', 'Secrets']);
  expect(pages[1]?.schema).toMatchObject({ required: ['apiKey'], properties: { apiKey: { minLength: 8 } } });
  expect(Object.keys(pages[1]?.schema.properties ?? {})).toEqual(['apiKey']);
  expect(pages[1]?.secretsOnly).toBe(true);
});
