import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@/api/types';
import { pagesOf } from './pages';
import { reviewRows, startCase } from './review-rows';

function rows(schema: JsonObject, values: JsonObject): [string, string][] {
  const [page] = pagesOf({ title: 'T', steps: [{ title: 'Page', schema }] }, undefined);
  return page ? reviewRows(page, values).map(({ label, value }) => [label, value]) : [];
}

describe('reviewRows', () => {
  it('follows the rules of ui:backstage.review', () => {
    const review = (rule: JsonObject) => ({ 'ui:backstage': { review: rule } });
    const schema = {
      properties: {
        plain: { type: 'string', title: 'Plain' },
        masked: { type: 'string', ...review({ mask: '<hidden>', show: false }) },
        gone: { type: 'string', ...review({ show: false }) },
        secret: { type: 'string', 'ui:field': 'Secret' },
        password: { type: 'string', 'ui:widget': 'password' },
        choice: { type: 'string', enum: ['a', 'b'], 'ui:enumNames': ['Alpha', 'Beta'] },
        renamed: { type: 'string', title: 'Other', ...review({ name: 'Better' }) },
        object: { type: 'object', properties: { inner: { type: 'boolean' } } },
        whole: { type: 'object', properties: { x: { type: 'number' } }, ...review({ explode: false }) },
        list: { type: 'array', items: { type: 'string' } },
        empty: { type: 'string' },
      },
    };
    const values = {
      plain: 'p',
      masked: 'm',
      gone: 'g',
      secret: '****',
      password: 'hunter2',
      choice: 'b',
      renamed: 'r',
      object: { inner: true },
      whole: { x: 1 },
      list: ['go', 'ts'],
    };
    expect(rows(schema, values)).toEqual([
      ['Plain', 'p'],
      ['Masked', '<hidden>'],
      ['Secret', '••••••'],
      ['Password', '••••••'],
      ['Choice', 'Beta'],
      ['Better', 'r'],
      ['Object › Inner', 'yes'],
      ['Whole', '{"x":1}'],
      ['List', 'go, ts'],
    ]);
  });

  it('shows no password, in whatever way the template declares it', () => {
    const password = { type: 'string', 'ui:widget': 'password' };
    const schema = {
      properties: {
        tokens: { type: 'array', items: password },
        format: { type: 'string', format: 'password' },
        option: { type: 'string', 'ui:options': { widget: 'password' } },
        hosts: { type: 'array', items: { type: 'object', properties: { host: { type: 'string' }, pin: password } } },
        whole: {
          type: 'object',
          properties: { pin: password },
          'ui:backstage': { review: { explode: false } },
        },
      },
    };
    const values = {
      tokens: ['hunter2'],
      format: 'hunter2',
      option: 'hunter2',
      hosts: [{ host: 'a', pin: 'hunter2' }],
      whole: { pin: 'hunter2' },
    };
    expect(rows(schema, values)).toEqual([
      ['Tokens', '••••••'],
      ['Format', '••••••'],
      ['Option', '••••••'],
      ['Hosts', '[{"host":"a","pin":"••••••"}]'],
      ['Whole', '{"pin":"••••••"}'],
    ]);
  });

  it('shows entities by name', () => {
    const schema = {
      properties: {
        owner: { type: 'string', 'ui:field': 'OwnerPicker' },
        system: { type: 'string', 'ui:field': 'EntityPicker' },
        apis: { type: 'array', 'ui:field': 'MultiEntityPicker' },
      },
    };
    const values = { owner: 'group:default/platform', system: 'shop', apis: ['api:default/a', 'api:pets/b'] };
    expect(rows(schema, values)).toEqual([
      ['Owner', 'platform (group)'],
      ['System', 'shop'],
      ['Apis', 'a (api), pets/b (api)'],
    ]);
  });

  it('shows only the alternative that applies, with its own rules', () => {
    const schema = {
      properties: { kind: { type: 'string', enum: ['db', 'none'] } },
      dependencies: {
        kind: {
          oneOf: [
            { properties: { kind: { enum: ['db'] }, dsn: { type: 'string', 'ui:widget': 'password' } } },
            { properties: { kind: { enum: ['none'] } } },
          ],
        },
      },
    };
    expect(rows(schema, { kind: 'db', dsn: 'postgres://' })).toEqual([
      ['Kind', 'db'],
      ['Dsn', '••••••'],
    ]);
    expect(rows(schema, { kind: 'none', dsn: 'left over' })).toEqual([['Kind', 'none']]);
  });
});

it.each([
  ['repoUrl', 'Repo Url'],
  ['component_id', 'Component Id'],
  ['name', 'Name'],
])('startCase(%s)', (name, words) => {
  expect(startCase(name)).toBe(words);
});
