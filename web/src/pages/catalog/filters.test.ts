import { describe, expect, it } from 'vitest';
import { filterOf, toggleFacet } from './filters';

describe('filterOf', () => {
  it.each([
    [{}, [], undefined, []],
    [{}, ['api', 'component'], undefined, ['kind=api,kind=component']],
    [
      { kind: 'component', owner: ['group:default/a', 'group:default/b'], tag: ['go'] },
      ['api'],
      undefined,
      ['kind=component,relations.ownedBy=group:default/a,relations.ownedBy=group:default/b,metadata.tags=go'],
    ],
    [
      { kind: 'component', owner: ['group:default/a'], tag: ['go'] },
      [],
      'owner' as const,
      ['kind=component,metadata.tags=go'],
    ],
  ])('filters %j', (search, kinds, except, filter) => {
    expect(filterOf(search, kinds, except)).toEqual(filter);
  });
});

describe('toggleFacet', () => {
  it('switches a value on and off and leaves nothing behind', () => {
    const on = toggleFacet({ kind: 'api' }, 'tag', 'go');
    expect(on).toEqual({ kind: 'api', tag: ['go'] });
    expect(toggleFacet(on, 'tag', 'go')).toEqual({ kind: 'api' });
  });
});
