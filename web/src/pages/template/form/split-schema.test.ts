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

  it('leaves out what is behind a feature flag, also from what is required', () => {
    const { schema } = splitSchema({
      required: ['a', 'b'],
      properties: { a: { type: 'string' }, b: { type: 'string', 'backstage:featureFlag': 'beta' } },
    });
    expect(schema.required).toEqual(['a']);
    expect(Object.keys(schema.properties ?? {})).toEqual(['a']);
  });

  it('replaces fields and widgets it does not have by plain controls, and says so', () => {
    const { uiSchema } = splitSchema({
      properties: { a: { type: 'string', 'ui:field': 'AcmeRegionPicker' }, b: { type: 'string', 'ui:widget': 'acme' } },
    });
    expect(uiSchema.a['ui:field']).toBeUndefined();
    expect(uiSchema.a['ui:help']).toContain('AcmeRegionPicker');
    expect(uiSchema.b).toEqual({});
  });
});
