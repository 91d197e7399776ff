import { describe, expect, it } from 'vitest';
import { isSafePattern } from './patterns';
import { problemsOf } from './validate';

describe('isSafePattern', () => {
  it.each([
    '^[a-z][a-z0-9]*(-[a-z0-9]+)*$',
    '^([a-z0-9]+(-[a-z0-9]+)*)$',
    '^(?:[a-z0-9]-?)*[a-z0-9]$',
    '^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$',
    '^\\d{1,3}(\\.\\d{1,3}){3}$',
    '[a-z]+-[a-z]+',
    '^(?<name>\\w+)=(on|off)$',
    '^[a-zA-Z0-9-_.]+$',
    '^\\p{Lu}\\p{Ll}*$',
    '^[\\u0041-\\u005a]{2,5}$',
    '',
  ])('takes %j', (pattern) => {
    expect(isSafePattern(pattern)).toBe(true);
  });

  it.each([
    '^(a+)+$',
    '^(a|a)*$',
    '^(a|aa)+$',
    '^([a-z]+)*$',
    '^(.*a){10}$',
    '(x+x+)+y',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '^(\\w+\\s?)*$',
    '.*.*.*x',
    '^(?=a)b$',
    '^(a)\\1$',
    '^(a{1,30}){1,30}$',
    '(',
    '[',
  ])('leaves %j to the server', (pattern) => {
    expect(isSafePattern(pattern)).toBe(false);
  });
});

describe('a form with an unsafe pattern', () => {
  const evil = `${'a'.repeat(60)}!`;
  it('is validated at once, without the pattern', () => {
    const schema = {
      type: 'object' as const,
      properties: {
        name: { type: 'string' as const, pattern: '^(a+)+$', maxLength: 10 },
        pattern: { type: 'string' as const, pattern: '^[a-z]+$' },
        map: { type: 'object' as const, patternProperties: { '^(a+)+$': {} }, additionalProperties: false },
      },
      dependencies: { name: { properties: { name: { pattern: '^(a|a)*$' } } } },
    };
    const problems = problemsOf(schema, { name: evil, pattern: 'A', map: { [evil]: 1 } });
    expect(problems.map(({ path, keyword }) => [path.join('.'), keyword])).toEqual([
      ['name', 'maxLength'],
      ['pattern', 'pattern'],
    ]);
  });

  it('evaluates no pattern on a long text', () => {
    const schema = { type: 'object' as const, properties: { text: { type: 'string' as const, pattern: '^[a-z]+$' } } };
    expect(problemsOf(schema, { text: 'A' })).toHaveLength(1);
    expect(problemsOf(schema, { text: 'A'.repeat(501) })).toHaveLength(0);
  });
});
