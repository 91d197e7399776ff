import { describe, expect, it } from 'vitest';
import { filterParameters, narrow, onlyKind } from './catalog-filter';

describe('filterParameters', () => {
  it.each([
    [{}, [], []],
    [{}, ['Group', 'User'], ['kind=Group,kind=User']],
    [{ allowedKinds: ['System'] }, ['Group'], ['kind=System']],
    [{ catalogFilter: { kind: ['Group', 'User'] } }, [], ['kind=Group,kind=User']],
    [
      { catalogFilter: [{ kind: 'Group', 'spec.type': 'team' }, { kind: 'User' }] },
      ['Component'],
      ['kind=Group,spec.type=team', 'kind=User'],
    ],
    [
      { catalogFilter: { kind: 'Component', 'metadata.annotations.github.com/team-slug': { exists: true } } },
      [],
      ['kind=Component,metadata.annotations.github.com/team-slug'],
    ],
  ])('reads %j', (options, kinds, filter) => {
    expect(filterParameters(options, kinds)).toEqual(filter);
  });
});

describe('onlyKind', () => {
  it.each([
    [[], undefined],
    [['kind=API,spec.type=grpc', 'kind=api'], 'api'],
    [['kind=Group,kind=User'], undefined],
    [['kind=Group', 'spec.type=team'], undefined],
  ])('of %j is %s', (filter, kind) => {
    expect(onlyKind(filter)).toBe(kind);
  });
});

describe('narrow', () => {
  it('adds to every set, or creates one', () => {
    expect(narrow(['kind=a', 'kind=b'], ['x=1'])).toEqual(['kind=a,x=1', 'kind=b,x=1']);
    expect(narrow([], ['x=1', 'x=2'])).toEqual(['x=1,x=2']);
    expect(narrow(['kind=a'], [])).toEqual(['kind=a']);
  });
});
