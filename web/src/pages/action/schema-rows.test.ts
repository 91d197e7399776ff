import { expect, it } from 'vitest';
import { isOpen, schemaRows } from './schema-rows';

const short = (schema: unknown) =>
  schemaRows(schema).map(({ path, depth, type, needed }) => [path, depth, type, ...(needed ? ['needed'] : [])]);

it('lists the values of a schema with their types, the required ones first', () => {
  const schema = {
    type: 'object',
    required: ['url'],
    properties: {
      labels: { type: 'array', items: { type: 'string' } },
      url: { type: 'string' },
      mode: { enum: ['fast', 'safe'] },
      size: { type: ['number', 'string'] },
      path: { anyOf: [{ type: 'string' }, { type: 'boolean' }] },
      rest: {},
    },
  };
  expect(short(schema)).toEqual([
    ['url', 0, 'string', 'needed'],
    ['labels', 0, 'list of string'],
    ['mode', 0, 'string'],
    ['size', 0, 'number or string'],
    ['path', 0, 'string or boolean'],
    ['rest', 0, 'any'],
  ]);
  expect(schemaRows(undefined)).toEqual([]);
});

it('lists what is in objects, lists and maps below them', () => {
  const collaborator = { type: 'object', required: ['user'], properties: { user: { type: 'string' } } };
  expect(
    short({
      properties: {
        collaborators: { type: 'array', items: collaborator },
        settings: { type: 'object', properties: { topics: { type: 'array', items: { type: 'string' } } } },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
      },
    }),
  ).toEqual([
    ['collaborators', 0, 'list of object'],
    ['collaborators[].user', 1, 'string', 'needed'],
    ['settings', 0, 'object'],
    ['settings.topics', 1, 'list of string'],
    ['headers', 0, 'object'],
    ['headers.*', 1, 'string'],
  ]);
});

it('lists the values of all alternatives once, and follows references', () => {
  expect(
    short({
      definitions: { node: { type: 'object', properties: { next: { $ref: '#/definitions/node' } } } },
      properties: { id: { type: 'string' }, deep: { $ref: '#/definitions/node' } },
      oneOf: [{ properties: { id: { type: 'number' }, left: { type: 'string' } } }, { properties: { right: {} } }],
    }).filter(([, depth]) => (depth as number) < 2),
  ).toEqual([
    ['id', 0, 'string'],
    ['deep', 0, 'object'],
    ['deep.next', 1, 'object'],
    ['left', 0, 'string'],
    ['right', 0, 'any'],
  ]);
});

it('a value is required only if all alternatives require it', () => {
  const items = ['user', 'team'].map((name) => ({
    type: 'object',
    required: ['access', name],
    properties: { access: { type: 'string' }, [name]: { type: 'string' } },
  }));
  expect(short({ properties: { collaborators: { type: 'array', items: { anyOf: items } } } })).toEqual([
    ['collaborators', 0, 'list of object'],
    ['collaborators[].access', 1, 'string', 'needed'],
    ['collaborators[].user', 1, 'string'],
    ['collaborators[].team', 1, 'string'],
  ]);
});

it('tells choices, defaults and limits', () => {
  const [row] = schemaRows({
    properties: {
      mode: {
        type: 'string',
        title: 'Mode',
        enum: ['fast', 'safe'],
        default: 'safe',
        minLength: 1,
        pattern: '^[a-z]+$',
      },
    },
  });
  expect(row).toMatchObject({
    description: 'Mode',
    choices: ['fast', 'safe'],
    preset: 'safe',
    rules: ['at least 1 character', 'matches ^[a-z]+$'],
  });
  const roles = { type: 'array', items: { enum: ['read', 'write'] }, default: ['read'] };
  expect(schemaRows({ properties: { roles } })[0]).toMatchObject({ choices: ['read', 'write'], preset: '["read"]' });
});

it.each([
  [{}, true],
  [{ properties: {} }, false],
  [{ properties: {}, additionalProperties: true }, true],
  [{ properties: {}, additionalProperties: false }, false],
])('whether %j accepts what it does not name is %s', (schema, open) => {
  expect(isOpen(schema)).toBe(open);
});
