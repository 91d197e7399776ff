import { expect, it } from 'vitest';
import { isFile, repoUrlOf } from './repo-url';

it('names a repository as templates do', () => {
  expect(repoUrlOf('https://github.com/acme/shop/tree/main', 'acme/shop')).toBe('github.com?owner=acme&repo=shop');
  expect(repoUrlOf('http://localhost:7100/a/b', 'a/b c')).toBe('localhost:7100?owner=a&repo=b+c');
});

it('tells a descriptor from a repository', () => {
  for (const url of [
    'https://x/a/b/blob/main/catalog-info.yaml',
    'https://x/a.YML?at=b',
    'https://x/a/**/c.json',
    'https://x/*',
  ]) {
    expect(isFile(url), url).toBe(true);
  }
  for (const url of ['https://github.com/acme/shop', 'https://x/a.yaml/tree', '']) expect(isFile(url), url).toBe(false);
});
