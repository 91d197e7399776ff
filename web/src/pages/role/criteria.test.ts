import { describe, expect, it } from 'vitest';
import {
  inWords,
  type KnownRule,
  type Node,
  newRule,
  problemsOf,
  type Rule,
  readCriteria,
  reshape,
  storedCriteria,
  writeCriteria,
} from './criteria';

const rules: KnownRule[] = [
  rule('IS_ENTITY_OWNER', { claims: { type: 'array' } }, ['claims']),
  rule('HAS_LABEL', { label: { type: 'string' }, value: { type: 'string' } }, ['label']),
  rule('HAS_NUMBER_PROPERTY', { key: { type: 'string' }, value: { type: 'number' } }, ['key']),
];

function rule(name: string, properties: object, required: string[]): KnownRule {
  const paramsSchema = { type: 'object', properties, required };
  return { name, description: '', resourceType: 'catalog-entity', paramsSchema };
}

const owned = { rule: 'IS_ENTITY_OWNER', resourceType: 'catalog-entity', params: { claims: ['$ownerRefs'] } };
const labelled = { rule: 'HAS_LABEL', resourceType: 'catalog-entity', params: { label: 'protected' } };
const valued = (value: unknown) => ({ ...labelled, params: { label: 'protected', value } });
const levelsOf = (levels: number): unknown => (levels === 1 ? owned : { not: levelsOf(levels - 1) });
const nested = { allOf: [owned, { not: labelled }, { anyOf: [owned] }] };

describe('readCriteria', () => {
  it.each([owned, { not: owned }, nested, valued(''), valued(null), valued([])])(
    'keeps criteria as they are: %j',
    (criteria) => {
      expect(writeCriteria(readCriteria(criteria), 'catalog-entity')).toEqual(criteria);
    },
  );

  it.each<[unknown, string]>([
    [null, 'conditions must be an object'],
    [[owned], 'conditions must be an object'],
    [{}, 'exactly one of anyOf, allOf, not and rule, and has none'],
    [{ anyOf: [owned], not: owned }, 'has anyOf, not'],
    [{ anyOf: [owned], rule: 'HAS_LABEL' }, 'has anyOf, rule'],
    [{ allOf: [] }, 'conditions.allOf must be a list that is not empty'],
    [{ allOf: [owned, { not: 'x' }] }, 'conditions.allOf[1].not must be an object'],
    [{ rule: 7 }, 'conditions.rule must be a name'],
    [{ rule: 'HAS_LABEL', params: [] }, 'conditions.params must be an object'],
    [{ rule: 'HAS_LABEL', param: {} }, 'unknown member param'],
    [{ anyOf: [owned], anyof: [] }, 'unknown member anyof'],
  ])('refuses %j', (criteria, reason) => {
    expect(() => readCriteria(criteria)).toThrow(reason);
  });

  it('refuses what is nested too deeply', () => {
    expect(() => readCriteria(levelsOf(12))).not.toThrow();
    expect(() => readCriteria(levelsOf(13))).toThrow('more than 12 levels');
  });
});

describe('storedCriteria', () => {
  it.each<[string, unknown, string]>([
    ['have an unknown member', { ...labelled, comment: 'x' }, 'unknown member comment'],
    ['have one deep inside', { allOf: [owned, { not: labelled, because: 'x' }] }, 'conditions.allOf[1]'],
    ['have more levels than the form shows', levelsOf(13), 'more than 12 levels'],
    ['are of no form', [], 'must be an object'],
  ])('keeps criteria that %s as they are, with the problem', (_what, value, why) => {
    const criteria = storedCriteria(value);
    expect(writeCriteria(criteria, 'catalog-entity')).toEqual(value);
    expect(problemsOf(criteria, rules).get(criteria.key)).toContain(why);
    expect(inWords(criteria)).toBe(JSON.stringify(value));
  });

  it('reads what the form shows', () => expect(storedCriteria(levelsOf(12)).form).toBe('not'));
});

describe('problemsOf', () => {
  const problem = (node: Node) => problemsOf(node, rules).get(node.key);

  it('accepts what the rules accept', () => {
    expect(problemsOf(readCriteria(nested), rules)).toEqual(new Map());
    expect(problem(newRule('HAS_NUMBER_PROPERTY', { key: 'replicas', value: 0 }))).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['', {}, 'Choose a rule.'],
    ['HAS_TAG', {}, 'no rule HAS_TAG'],
    ['HAS_LABEL', {}, 'label is missing.'],
    ['HAS_LABEL', { label: '' }, 'label is missing.'],
    ['HAS_LABEL', { label: 'a', values: 'b' }, 'no param values'],
    ['HAS_LABEL', { label: 7 }, 'label must be a text'],
    ['IS_ENTITY_OWNER', { claims: [] }, 'claims is missing.'],
    ['IS_ENTITY_OWNER', { claims: 'group:default/a' }, 'claims must be a list of texts'],
    ['HAS_NUMBER_PROPERTY', { key: 'a', value: '7' }, 'value must be a number'],
    ['HAS_NUMBER_PROPERTY', { key: 'a', value: '' }, 'value is empty: fill it in, or leave it out'],
    ['HAS_LABEL', { label: 'a', value: '' }, 'value is empty: fill it in, or leave it out'],
    ['HAS_LABEL', { label: 'a', value: [] }, 'value is empty: fill it in, or leave it out'],
    ['HAS_LABEL', { label: 'a', values: '' }, 'no param values'],
  ])('names what is wrong with %s %j', (name, params, reason) => {
    expect(problem(newRule(name, params))).toContain(reason);
  });

  it('accepts an empty value that was read', () => {
    expect(problemsOf(readCriteria(valued('')), rules)).toEqual(new Map());
    const emptied = { ...(readCriteria(valued('x')) as Rule), params: { label: 'protected', value: '' } };
    expect(problem(emptied)).toContain('value is empty');
  });

  it('says that rules are not loaded, and not that there are none', () => {
    const node = readCriteria(owned);
    expect(problemsOf(node, undefined).get(node.key)).toBe(
      'IS_ENTITY_OWNER cannot be checked, because the rules are not loaded.',
    );
  });

  it('names the node that is wrong, however deep', () => {
    const bad = newRule('HAS_LABEL');
    const tree: Node = { key: -1, form: 'not', of: { key: -2, form: 'anyOf', of: [bad] } };
    expect([...problemsOf(tree, rules).keys()]).toEqual([bad.key]);
  });

  it('bounds criteria', () => {
    const many = (count: number): Node => readCriteria({ anyOf: Array.from({ length: count }, () => owned) });
    expect(problem(many(64))).toBeUndefined();
    expect(problem(many(65))).toContain('more than 64');
    const wide = readCriteria({ anyOf: Array.from({ length: 4 }, () => ({ anyOf: Array(64).fill(owned) })) });
    expect(problem(wide)).toContain('more than 256');
    expect(problem({ key: -1, form: 'allOf', of: [] })).toBe('Add at least one criterion.');
  });
});

describe('reshape', () => {
  const back = (node: Node) => writeCriteria(node, 'catalog-entity');

  it.each<[object, Node['form'], object]>([
    [owned, 'anyOf', { anyOf: [owned] }],
    [owned, 'not', { not: owned }],
    [{ anyOf: [owned, labelled] }, 'allOf', { allOf: [owned, labelled] }],
    [{ anyOf: [owned, labelled] }, 'not', { not: { anyOf: [owned, labelled] } }],
    [{ anyOf: [owned] }, 'not', { not: owned }],
    [{ not: owned }, 'allOf', { allOf: [owned] }],
    [{ not: { anyOf: [owned] } }, 'rule', owned],
    [owned, 'rule', owned],
  ])('makes of %j with %s %j', (from, form, to) => {
    expect(back(reshape(readCriteria(from), form))).toEqual(to);
  });
});

describe('inWords', () => {
  it('reads like a sentence', () => {
    expect(inWords(readCriteria(nested))).toBe(
      'IS_ENTITY_OWNER claims $ownerRefs, and not HAS_LABEL label protected, and IS_ENTITY_OWNER claims $ownerRefs',
    );
    expect(inWords(readCriteria(valued('')))).toBe('HAS_LABEL label protected value “”');
    expect(inWords(readCriteria(valued([])))).toBe('HAS_LABEL label protected value none');
    expect(inWords(readCriteria({ not: { anyOf: [owned, labelled] } }))).toBe(
      'not (IS_ENTITY_OWNER claims $ownerRefs, or HAS_LABEL label protected)',
    );
  });
});
