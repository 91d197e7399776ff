import { describe, expect, it } from 'vitest';
import { currentOf, folderOf, pageFile, pathOf, resolveFile, resolveLink, siteOf, siteRef, versionOf } from './site';

const site = { namespace: 'default', kind: 'component', name: 'shop' };
const origin = 'https://portal.example.com';

it.each([
  ['', 'index.html'],
  ['guides/start', 'guides/start/index.html'],
  ['guides/start/', 'guides/start/index.html'],
  ['guides/start.html', 'guides/start.html'],
  ['a b/ü', 'a%20b/%C3%BC/index.html'],
])('the page %j is in the file %s', (path, file) => {
  expect(pageFile(site, path)).toBe(`/api/techdocs/static/docs/default/component/shop/${file}`);
});

it.each([
  ['', ''],
  ['guides/start', 'guides/start/'],
  ['guides/start.html', 'guides/'],
])('addresses in %j begin with %j', (path, folder) => {
  expect(folderOf(path)).toBe(folder);
});

describe('resolveLink', () => {
  it.each([
    ['#set-up', { to: 'here', hash: 'set-up' }],
    ['../code/#x', { to: 'portal', address: '/docs/default/component/shop/guides/code/#x' }],
    ['../../', { to: 'portal', address: '/docs/default/component/shop/' }],
    ['../other/index.html', { to: 'portal', address: '/docs/default/component/shop/guides/other/' }],
    ['/catalog/default/group/kestrel', { to: 'portal', address: '/catalog/default/group/kestrel' }],
    ['/docs/default/component/other/', { to: 'portal', address: '/docs/default/component/other/' }],
    ['../../release-1.2/', { to: 'portal', address: '/docs/default/component/shop/release-1.2/' }],
    ['../../release-1.2', { to: 'portal', address: '/docs/default/component/shop/release-1.2' }],
    ['../../files/a.pdf', { to: 'file', address: '/api/techdocs/static/docs/default/component/shop/files/a.pdf' }],
    ['/api/catalog/entities', { to: 'file', address: '/api/catalog/entities' }],
    ['https://example.com/a', { to: 'elsewhere', address: 'https://example.com/a' }],
    ['//example.com/a', { to: 'elsewhere', address: 'https://example.com/a' }],
    ['mailto:a@example.com', { to: 'elsewhere', address: 'mailto:a@example.com' }],
    ['https://[', { to: 'elsewhere', address: 'https://[' }],
  ])('%s', (href, leads) => {
    expect(resolveLink(href, site, 'guides/start', origin)).toEqual(leads);
  });
});

it.each([
  ['../../img/a.png', '/api/techdocs/static/docs/default/component/shop/img/a.png'],
  ['a.svg?v=1', '/api/techdocs/static/docs/default/component/shop/guides/start/a.svg?v=1'],
  ['https://img.example.com/a.png', 'https://img.example.com/a.png'],
  ['data:image/png;base64,AA', 'data:image/png;base64,AA'],
])('the picture %s', (src, address) => {
  expect(resolveFile(src, site, 'guides/start', origin)).toBe(address);
});

it.each([
  ['/docs/default/component/shop/guides/start/#x', { site, path: 'guides/start' }],
  ['/docs/default/component/shop', { site, path: '' }],
  ['/docs/default/component/shop/a%20b', { site, path: 'a b' }],
  ['/docs/default/component/shop/%', undefined],
  ['/docs', undefined],
])('%s is the page', (address, place) => {
  expect(pathOf(address)).toEqual(place);
});

it('reads the site of a reference', () => {
  expect(siteOf('component:default/shop')).toEqual(site);
});

describe('a version', () => {
  const version = { namespace: 'default', kind: 'Component', name: 'Shop@release~V2' };

  it('is part of the name', () => {
    expect(versionOf(version)).toBe('release/V2');
    expect(versionOf(site)).toBeUndefined();
    expect(currentOf(version)).toEqual({ ...version, name: 'Shop' });
    expect(currentOf(site)).toBe(site);
    expect(siteRef(version)).toBe('component:default/shop@release~V2');
  });

  it('keeps its links and files', () => {
    const shop = { ...site, name: 'shop@v1.2' };
    expect(pageFile(shop, 'guide')).toBe('/api/techdocs/static/docs/default/component/shop@v1.2/guide/index.html');
    expect(resolveLink('../code/', shop, 'guide', origin)).toEqual({
      to: 'portal',
      address: '/docs/default/component/shop@v1.2/code/',
    });
    expect(pathOf('/docs/default/component/shop@v1.2/guide/')).toEqual({ site: shop, path: 'guide' });
  });
});
