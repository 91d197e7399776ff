import { describe, expect, it } from 'vitest';
import type { Preview } from '@/api/types';
import { confirmationOf } from './confirmation';

function preview(people: Partial<Preview['people']>, ...incomplete: string[]): Preview {
  const none = { compared: 9, affected: 0, gain: 0, lose: 0, alter: 0 };
  return { people: { ...none, ...people }, permissions: [], items: [], problems: [], incomplete };
}

describe('confirmationOf', () => {
  it.each<[string, Preview]>([
    ['changes nothing for anybody', preview({})],
    ['only gives', preview({ affected: 2, gain: 2 })],
  ])('asks nothing where a change %s', (_what, of) => {
    expect(confirmationOf(of)).toBeUndefined();
  });

  it.each<[string, Preview | undefined, string, RegExp]>([
    ['takes', preview({ lose: 1 }), '1 person will lose something', /^$/],
    ['alters conditions', preview({ alter: 2 }), 'Conditions change for 2 people', /^$/],
    [
      'takes, alters and gives',
      preview({ lose: 2, alter: 1, gain: 3 }),
      '2 people will lose something, and conditions change for 1 person',
      /^$/,
    ],
    ['is not known fully', preview({}, '3 of 9 people were compared'), 'Save without a complete preview?', /3 of 9/],
    ['takes, and is not known fully', preview({ lose: 1 }, 'time is up'), '1 person will lose something', /time is up/],
    ['is not known at all', undefined, 'Save without a preview?', /not known/],
  ])('asks where a change %s', (_what, of, title, reason) => {
    const found = confirmationOf(of);
    expect(found?.title).toBe(title);
    expect(found?.reasons.join('\n')).toMatch(reason);
  });
});
