import { describe, expect, it } from 'vitest';
import { writeCriteria } from './criteria';
import { tryReading } from './criteria-text';

const read = (text: string) => tryReading(text, 'catalog-entity');
const frozen = { not: { rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: 'frozen', value: '' } } };

describe('tryReading', () => {
  it.each([
    ['YAML', 'not:\n  rule: HAS_LABEL\n  resourceType: catalog-entity\n  params: { label: frozen, value: "" }\n'],
    ['JSON', JSON.stringify(frozen, null, 2)],
  ])('reads %s', (_language, text) => {
    const edited = read(text);
    expect('criteria' in edited && writeCriteria(edited.criteria, 'catalog-entity')).toEqual(frozen);
  });

  it.each([
    ['', 'must be an object'],
    ['not: [', /flow/i],
    ['rule: HAS_LABEL\nrule: HAS_LABEL', /unique/],
    ['- rule: HAS_LABEL', 'must be an object'],
    ['a: &a\n  rule: HAS_LABEL\nanyOf: [*a]', /Alias/],
    ['rule: HAS_TAG\nresourceType: scaffolder-template\nparams: { tag: a }', 'about catalog-entity'],
  ])('refuses %j', (text, reason) => {
    const edited = read(text);
    expect('unreadable' in edited && edited.unreadable).toMatch(reason);
  });
});
