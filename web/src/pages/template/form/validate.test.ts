import type { RJSFSchema } from '@rjsf/utils';
import { describe, expect, it } from 'vitest';
import { fits, problemsOf } from './validate';

const hello: RJSFSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 2, maxLength: 20, pattern: '^[a-z][a-z0-9-]*$' },
    count: { type: 'integer', minimum: 1 },
    languages: { type: 'array', items: { type: 'string', enum: ['go', 'java'] }, uniqueItems: true },
  },
};

function messages(schema: RJSFSchema, data: unknown): [string, string][] {
  return problemsOf(schema, data).map(({ path, message }) => [path.join('.'), message]);
}

describe('problemsOf', () => {
  it.each<[string, unknown, [string, string][]]>([
    ['nothing', { name: 'web', count: 2, languages: ['go'] }, []],
    ['what is missing', {}, [['name', 'This is needed.']]],
    [
      'what is too short, too small, not a choice',
      { name: 'w', count: 0, languages: ['cobol'] },
      [
        ['name', 'Must have at least 2 characters.'],
        ['count', 'Must be 1 or more.'],
        ['languages.0', 'Must be one of go, java.'],
      ],
    ],
    ['a wrong type', { name: 'web', count: 'two' }, [['count', 'Must be a whole number.']]],
    [
      'a pattern that can be said in words',
      { name: 'Web' },
      [['name', 'Must have only lowercase letters, digits and dashes, and no “W”.']],
    ],
    ['a field that was cleared', { name: undefined, count: 2 }, [['name', 'This is needed.']]],
    [
      'an item that is not filled in',
      { name: 'web', languages: ['go', undefined] },
      [['languages.1', 'This is needed.']],
    ],
    ['repeats', { name: 'web', languages: ['go', 'go'] }, [['languages', 'Nothing may be in the list twice.']]],
  ])('names %s', (_, data, expected) => {
    expect(messages(hello, data)).toEqual(expected);
  });

  it('uses the template’s messages', () => {
    const schema = {
      type: 'object',
      required: ['a'],
      errorMessage: { required: { a: 'Tell us the a.' }, properties: { b: 'b is four digits.' } },
      properties: {
        a: { type: 'string' },
        b: { type: 'string', pattern: '^\\d{4}$' },
        c: { type: 'string', maxLength: 1, errorMessage: { maxLength: 'One letter.' } },
      },
    } as RJSFSchema;
    expect(messages(schema, { b: 'x', c: 'xy' })).toEqual([
      ['a', 'Tell us the a.'],
      ['b', 'b is four digits.'],
      ['c', 'One letter.'],
    ]);
  });

  it('describes a pattern by the help text, else by the title', () => {
    const pattern = '^(?!test)[a-z]+$';
    const schema: RJSFSchema = {
      properties: {
        helped: { type: 'string', pattern: '^(on|off)$' },
        titled: { type: 'string', title: 'Switch', pattern: '^(on|off)$' },
        bare: { type: 'string', pattern: '^(on|off)$' },
        untried: { type: 'string', pattern },
      },
    };
    const found = problemsOf(
      schema,
      { helped: 'oon', titled: 'oon', bare: 'oon', untried: 'test' },
      { helped: { 'ui:help': 'Say on or off.' } },
    );
    expect(found.map(({ message }) => message)).toEqual([
      'Say on or off.',
      'This is no valid “Switch”: it must match the pattern ^(on|off)$',
      'Must match the pattern ^(on|off)$',
    ]);
  });

  it('reports the errors of the closest alternative', () => {
    const schema: RJSFSchema = {
      type: 'object',
      properties: {
        target: {
          oneOf: [
            { type: 'object', required: ['host', 'port', 'user'], properties: { host: { type: 'string' } } },
            { type: 'object', required: ['url'], properties: { url: { type: 'string' } } },
          ],
        },
      },
    };
    expect(messages(schema, { target: {} })).toEqual([['target.url', 'This is needed.']]);
  });
});

describe('fits', () => {
  const root: RJSFSchema = { definitions: { port: { type: 'integer', minimum: 1 } } };
  it.each<[RJSFSchema | boolean, unknown, boolean]>([
    [true, 1, true],
    [false, 1, false],
    [{ $ref: '#/definitions/port' }, 80, true],
    [{ $ref: '#/definitions/port' }, 0, false],
    [{ pattern: '(' }, 'x', false],
    [{ properties: { a: { enum: ['x'] } } }, { a: 'x' }, true],
    [{ properties: { a: { enum: ['x'] } } }, { a: undefined }, true],
  ])('says whether %j takes %j', (schema, data, expected) => {
    expect(fits(schema, data, root)).toBe(expected);
  });
});
