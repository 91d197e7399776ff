// @vitest-environment happy-dom
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { pagesOf, readPage } from './parse';

// The tests' DOM is too small for DOMPurify. What it keeps out is tested in a browser.
vi.mock('./sanitize', () => ({
  sanitize: (html: string) => new DOMParser().parseFromString(html.replace(/<link[^>]*>/g, ''), 'text/html').body,
}));

const site = { namespace: 'default', kind: 'component', name: 'shop' };
const fixtures = join(import.meta.dirname, '../../e2e/docs/fixtures/mkdocs');
const at = (path: string) => ({ site, path, origin: 'https://portal.example.com' });

function page(path: string) {
  return readPage(readFileSync(join(fixtures, path, 'index.html'), 'utf8'), at(path));
}

it('takes a page of MkDocs apart', () => {
  const { title, nav, contents, edit, previous, next, redirect } = page('guides/start');
  expect(title).toBe('Getting started');
  expect(nav.map((item) => [item.title, item.address, item.items.length])).toEqual([
    ['Home', '/docs/default/component/shop/', 0],
    ['Guides', undefined, 4],
    ['Reference', undefined, 1],
  ]);
  expect(pagesOf(nav).filter(({ current }) => current)).toMatchObject([{ title: 'Getting started' }]);
  expect(contents).toEqual([
    { id: 'install', title: 'Install', level: 2 },
    { id: 'configure', title: 'Configure', level: 2 },
  ]);
  expect(edit).toBe('https://github.com/demo/harbour/edit/main/docs/guides/start.md');
  expect(previous).toMatchObject({ title: 'Home', address: '/docs/default/component/shop/' });
  expect(next).toMatchObject({ title: 'Code', address: '/docs/default/component/shop/guides/code/' });
  expect(redirect).toBeUndefined();
});

it('resolves the addresses of an article', () => {
  const { article } = page('');
  const hrefs = [...article.querySelectorAll('p a:not(.headerlink)')].map((link) => link.getAttribute('href'));
  expect(hrefs).toContain('/docs/default/component/shop/guides/start/#install');
  expect(hrefs).toContain('/catalog/default/group/kestrel');
  expect([...article.querySelectorAll('img')].map((image) => image.getAttribute('src'))).toEqual([
    '/api/techdocs/static/docs/default/component/shop/img/harbour.svg',
    '/api/techdocs/static/docs/default/component/shop/img/dot.png',
  ]);
  expect(article.querySelector('.md-content__button')).toBeNull();
});

it('opens what is elsewhere in another tab, and draws emoji without a server', () => {
  const { article } = page('reference/everything');
  const elsewhere = article.querySelector('a[href="https://example.com/a"]');
  expect(elsewhere?.getAttribute('target')).toBe('_blank');
  expect(elsewhere?.getAttribute('rel')).toBe('noopener noreferrer');
  expect(article.querySelector('.emoji')?.textContent).toBe('😄');
  expect(article.innerHTML).not.toContain('cdnjs');
});

it('shows a page that no theme has framed', () => {
  const { title, article, nav } = readPage('<!doctype html><html><body><h1>Hello docs</h1></body></html>', at(''));
  expect(title).toBe('Hello docs');
  expect(article.textContent).toContain('Hello docs');
  expect(nav).toEqual([]);
});

it.each([
  ['0; url=../new/', { to: 'portal', address: '/docs/default/component/shop/new/' }],
  ["0;URL='https://example.com/'", { to: 'elsewhere', address: 'https://example.com/' }],
  ['5', undefined],
])('follows a refresh to %s', (content, leads) => {
  const html = `<html><head><meta http-equiv="Refresh" content="${content}"></head><body></body></html>`;
  expect(readPage(html, at('old')).redirect).toEqual(leads);
});
