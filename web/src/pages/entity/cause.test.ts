import { describe, expect, it } from 'vitest';
import { causeText, pathText, valueText } from './cause';

describe('a change', () => {
  it.each([
    [{ kind: 'schedule' as const }, 'its location was read on schedule'],
    [{ kind: 'request' as const, by: 'user:default/ada' }, 'at the request of user:default/ada'],
    [{ kind: 'unknown' as const }, 'before changes were recorded'],
  ])('by %j is told in words', (cause, text) => {
    expect(causeText(cause)).toBe(text);
  });

  it.each([
    ['/spec/owner', 'spec.owner'],
    ['/metadata/tags/2', 'metadata.tags[2]'],
    ['/metadata/annotations/github.com~1project-slug', 'metadata.annotations["github.com/project-slug"]'],
    ['/a~0b', '["a~b"]'],
    ['', ''],
  ])('at %s has a readable path', (pointer, text) => {
    expect(pathText(pointer)).toBe(text);
  });

  it('shows text as it is and anything else as JSON', () => {
    expect(valueText('a')).toBe('a');
    expect(valueText(null)).toBe('null');
    expect(valueText({ a: 1 })).toBe('{\n  "a": 1\n}');
  });
});
