import { describe, expect, it } from 'vitest';
import { cutAt } from './marked';

describe('cutAt', () => {
  it.each([
    ['aXbxc', 'x', ['a', 'X', 'b', 'x', 'c']],
    ['abc', '', ['abc']],
    ['abc', 'z', ['abc']],
    ['İx', 'x', ['İx']],
  ])('cuts %s at %s', (text, term, pieces) => {
    expect(cutAt(text, term)).toEqual(pieces);
  });
});
