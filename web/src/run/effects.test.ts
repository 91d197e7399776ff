import { describe, expect, it } from 'vitest';
import { nameOf } from './effects';
import { effectLook } from './status';

describe('nameOf', () => {
  it.each([
    ['acme/shop', 'acme/shop'],
    ['https://git.example.org:8443/acme/shop/tree/main/catalog-info.yaml', 'acme/shop/tree/main/catalog-info.yaml'],
    ['https://git.example.org/', 'https://git.example.org/'],
  ])('calls %s %s', (name, words) => {
    expect(nameOf({ name })).toBe(words);
  });
});

describe('effectLook', () => {
  it('does not say that something was undone which was never made', () => {
    expect(effectLook({ state: 'undone' }).word).toBe('Undone');
    expect(effectLook({ state: 'undone', note: 'The name was taken.' }).word).toBe('Not made');
    expect(effectLook({ state: 'kept', note: 'Somebody pushed to it.' }).word).toBe('Kept');
  });
});
