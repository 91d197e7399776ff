import { describe, expect, it } from 'vitest';
import { splitSchema } from './split-schema';

describe('splitSchema', () => {
  it('moves hints out of the schema, through items, alternatives and dependencies', () => {
    const { schema, uiSchema } = splitSchema({
      'ui:order': ['b', 'a'],
      required: ['a'],
      properties: {
        a: { type: 'string', 'ui:field': 'OwnerPicker', 'ui:options': { allowedKinds: ['Group'] } },
        b: { type: 'array', items: { type: 'string', 'ui:widget': 'textarea' } },
        d: { type: 'string', enum: ['x'], enumNames: ['An X'] },
      },
      dependencies: {
        a: { oneOf: [{ properties: { a: { enum: ['x'] }, c: { type: 'string', 'ui:autofocus': true } } }] },
      },
    });
    expect(schema).toEqual({
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: 'string' },
        b: { type: 'array', items: { type: 'string' } },
        d: { type: 'string', enum: ['x'] },
      },
      dependencies: { a: { oneOf: [{ properties: { a: { enum: ['x'] }, c: { type: 'string' } } }] } },
    });
    expect(uiSchema).toEqual({
      'ui:order': ['b', 'a'],
      a: { 'ui:field': 'OwnerPicker', 'ui:options': { allowedKinds: ['Group'] } },
      b: { items: { 'ui:widget': 'textarea' } },
      c: { 'ui:autofocus': true },
      d: { 'ui:enumNames': ['An X'] },
    });
  });

  it('leaves out properties behind a feature flag, also in required', () => {
    const { schema } = splitSchema({
      required: ['a', 'b'],
      properties: { a: { type: 'string' }, b: { type: 'string', 'backstage:featureFlag': 'beta' } },
    });
    expect(schema.required).toEqual(['a']);
    expect(Object.keys(schema.properties ?? {})).toEqual(['a']);
  });

  it('replaces unknown fields and widgets by plain controls, with a note', () => {
    const { uiSchema } = splitSchema({
      properties: { a: { type: 'string', 'ui:field': 'AcmeRegionPicker' }, b: { type: 'string', 'ui:widget': 'acme' } },
    });
    expect(uiSchema.a['ui:field']).toBeUndefined();
    expect(uiSchema.a['ui:help']).toContain('AcmeRegionPicker');
    expect(uiSchema.b).toEqual({});
  });

  it('gives a control to values without a type', () => {
    const field = { 'ui:field': 'AcmeRegionPicker' };
    const { schema, uiSchema } = splitSchema({
      properties: {
        list: { type: 'array', ...field },
        numbers: { type: 'array', default: [1], ...field },
        plain: { type: 'array' },
        picked: { type: 'array', 'ui:field': 'MultiEntityPicker' },
        map: { type: 'object', ...field },
        any: { title: 'Any', ...field },
        flag: { default: true, ...field },
        choice: { enum: ['a', 'b'], ...field },
      },
      // This adds to the description of the list above, without a type of its items.
      dependencies: {
        any: { properties: { list: { minItems: 1, type: 'array' }, more: { type: 'array', ...field } } },
      },
    });
    expect(schema.properties).toEqual({
      list: { type: 'array', items: { type: 'string' } },
      numbers: { type: 'array', default: [1], items: { type: 'number' } },
      plain: { type: 'array', items: { type: 'string' } },
      picked: { type: 'array', items: { type: 'string' } },
      map: { type: 'object', additionalProperties: { type: 'string' } },
      any: { title: 'Any', type: 'string' },
      flag: { default: true, type: 'boolean' },
      choice: { enum: ['a', 'b'] },
    });
    expect(schema.dependencies).toEqual({
      any: {
        properties: { list: { minItems: 1, type: 'array' }, more: { type: 'array', items: { type: 'string' } } },
      },
    });
    for (const name of ['list', 'numbers', 'map', 'any', 'flag', 'choice', 'more']) {
      expect(uiSchema[name]['ui:help'], name).toContain('AcmeRegionPicker');
    }
  });
});
