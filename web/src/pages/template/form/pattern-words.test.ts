import { describe, expect, it } from 'vitest';
import { patternProblem } from './pattern-words';

const name = '^[a-z]([a-z0-9-]*[a-z0-9])?$';

describe('patternProblem', () => {
  it.each([
    [name, 'my service', 'Must have only lowercase letters, digits and dashes, and no spaces.'],
    [name, 'Web', 'Must have only lowercase letters, digits and dashes, and no “W”.'],
    [name, '1web', 'Must begin with a lowercase letter.'],
    [name, 'web-', 'Must end with a lowercase letter or a digit.'],
    ['^\\d{4}$', '123', 'Must have exactly 4 characters.'],
    ['^[A-Z]{2,5}$', 'ABCDEF', 'Must have at most 5 characters.'],
    ['^\\w+$', 'a+b', 'Must have only letters, digits and underscores, and no “+”.'],
    ['^[a-z]+@[a-z]+$', 'a.b', 'Must have only lowercase letters and “@”, and no “.”.'],
  ])('of %s says how %j breaks it', (pattern, text, words) => {
    expect(new RegExp(pattern, 'u').test(text)).toBe(false);
    expect(patternProblem(pattern, text)).toBe(words);
  });

  it.each([
    ['a text that breaks none of its simple rules', '^(on|off)$', 'oon'],
    ['a pattern that holds for a part of the text', '[a-z]+', '123'],
    ['anchors that belong to alternatives', '^a|b$', 'c'],
    ['characters without short names', '^\\p{L}+$', '1'],
    ['a pattern that is not understood', '^(?=.*\\d).+$', 'x'],
  ])('has no words for %s', (_, pattern, text) => {
    expect(patternProblem(pattern, text)).toBeUndefined();
  });
});
