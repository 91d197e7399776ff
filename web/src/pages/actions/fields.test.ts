import { expect, it } from 'vitest';
import { fieldsOf } from './fields';

it('an action’s values are listed with their types, the required ones first', () => {
  const schema = {
    type: 'object',
    required: ['url'],
    properties: {
      labels: { type: 'array', items: { type: 'string' }, description: 'What it is labelled' },
      url: { type: 'string', title: 'Where it is' },
      mode: { enum: ['fast', 'safe'] },
      size: { type: ['number', 'string'] },
      rest: {},
    },
  };
  expect(fieldsOf(schema).map(({ name, type, needed, description }) => [name, type, needed, description])).toEqual([
    ['url', 'string', true, 'Where it is'],
    ['labels', 'list of string', false, 'What it is labelled'],
    ['mode', 'one of fast, safe', false, undefined],
    ['size', 'number or string', false, undefined],
    ['rest', 'any', false, undefined],
  ]);
  expect(fieldsOf(undefined)).toEqual([]);
});
