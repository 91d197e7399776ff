import { describe, expect, it } from 'vitest';
import { writeCriteria } from './criteria';
import { tryReading } from './criteria-text';

const rules = [
  {
    name: 'HAS_LABEL',
    description: '',
    resourceType: 'catalog-entity',
    paramsSchema: { properties: { label: { type: 'string' } }, required: ['label'] },
  },
];
const read = (text: string) => tryReading(text, 'catalog-entity', rules);
const frozen = { not: { rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: 'frozen' } } };

describe('tryReading', () => {
  it.each([
    ['YAML', 'not:\n  rule: HAS_LABEL\n  resourceType: catalog-entity\n  params: { label: frozen }\n'],
    ['JSON', JSON.stringify(frozen, null, 2)],
  ])('reads %s', (_language, text) => {
    const { node, problem } = read(text);
    expect(problem).toBeUndefined();
    expect(node && writeCriteria(node, 'catalog-entity')).toEqual(frozen);
  });

  it.each([
    ['', 'must be an object'],
    ['not: [', /flow/i],
    ['rule: HAS_LABEL\nrule: HAS_LABEL', /unique/],
    ['- rule: HAS_LABEL', 'must be an object'],
    ['a: &a\n  rule: HAS_LABEL\nanyOf: [*a]', /Alias/],
    ['rule: HAS_TAG\nresourceType: scaffolder-template\nparams: { tag: a }', 'about catalog-entity'],
  ])('refuses %j', (text, reason) => {
    const { node, problem } = read(text);
    expect(node).toBeUndefined();
    expect(problem).toMatch(reason);
  });

  it('reads what only has wrong params, and says what is wrong', () => {
    const { node, problem } = read('rule: HAS_LABEL\nresourceType: catalog-entity');
    expect(node).toBeDefined();
    expect(problem).toBe('label is missing.');
  });
});
