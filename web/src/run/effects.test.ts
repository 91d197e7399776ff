import { describe, expect, it } from 'vitest';
import type { Effect } from '@/api/types';
import { made, nameOf } from './effects';

describe('nameOf', () => {
  it.each([
    ['acme/shop', 'acme/shop'],
    ['https://git.example.org:8443/acme/shop/tree/main/catalog-info.yaml', 'acme/shop/catalog-info.yaml'],
    ['https://git.example.org/', 'https://git.example.org/'],
  ])('calls %s %s', (name, words) => {
    expect(nameOf({ name })).toBe(words);
  });
});

describe('made', () => {
  it('leaves out effects that were intended but not created', () => {
    const effect = (state: Effect['state'], note?: string): Effect => ({
      id: state,
      runId: 'run',
      stepId: 'publish',
      action: 'publish:github',
      kind: 'github:repository',
      name: 'acme/shop',
      key: 'acme/shop',
      intendedAt: '2026-11-22T10:00:00Z',
      state,
      ...(note && { note }),
    });
    const left = [effect('intended'), effect('created'), effect('undone'), effect('kept', 'Somebody pushed to it.')];
    expect(made([...left, effect('undone', 'The name was taken.')])).toEqual(left);
  });
});
