import type { DocsSanitizer } from '@/api/types';
import { sanitize } from './sanitize';
import { type Leads, resolveFile, resolveLink, type Site } from './site';

/** A page of a site, taken apart: the reader has its own navigation, contents and links. */
export interface DocsPage {
  title: string;
  /** Sanitized, with the addresses of links and pictures resolved. */
  article: HTMLElement;
  /** Empty on a page that no theme has framed. */
  nav: NavItem[];
  contents: Heading[];
  /** Where the source of the page is edited. */
  edit: string | undefined;
  previous: NavItem | undefined;
  next: NavItem | undefined;
  /** When the source was changed, in the words of the page. */
  changed: string | undefined;
  /** Where the page sends its readers at once. */
  redirect: Leads | undefined;
}

export interface NavItem {
  title: string;
  /** Undefined for a section without a page of its own. */
  address: string | undefined;
  current: boolean;
  items: NavItem[];
}

export interface Heading {
  id: string;
  title: string;
  level: number;
}

interface Place {
  site: Site;
  /** The path of the page in the site. */
  path: string;
  origin: string;
}

/** Reads a page as MkDocs' Material theme writes it. Of a page without that structure, all is the article. */
export function readPage(html: string, place: Place, options?: DocsSanitizer): DocsPage {
  const redirect = redirectOf(html, place);
  const body = sanitize(html, options);
  const article =
    body.querySelector<HTMLElement>('.md-content article') ??
    body.querySelector<HTMLElement>('article, [role="main"], main') ??
    body;
  const edit = article.querySelector('a[title="Edit this page"], a[rel~="edit"]')?.getAttribute('href') ?? undefined;
  for (const button of article.querySelectorAll('.md-content__button')) button.remove();
  for (const heading of article.querySelectorAll('h1')) if (heading.textContent?.trim() === '') heading.remove();
  const changed = clean(
    article.querySelector('.md-source-file__date, .git-revision-date-localized-plugin, .md-source-file')?.textContent,
  );
  article.querySelector('.md-source-file')?.remove();
  const list = body.querySelector('.md-nav--primary > .md-nav__list');
  const nav = list ? navOf(list, place) : [];
  resolveAddresses(article, place);
  return {
    title: clean(withoutMark(article.querySelector('h1'))) ?? currentOf(nav)?.title ?? '',
    article,
    nav,
    contents: contentsOf(article),
    edit,
    ...neighboursOf(body, nav, place),
    changed,
    redirect,
  };
}

/** The address that a page with a meta refresh leads to. The document that it is read from is not shown and runs nothing. */
function redirectOf(html: string, { site, path, origin }: Place): Leads | undefined {
  if (!/http-equiv/i.test(html)) return undefined;
  const metas = [...new DOMParser().parseFromString(html, 'text/html').querySelectorAll('meta[http-equiv]')];
  const meta = metas.find((other) => other.getAttribute('http-equiv')?.toLowerCase() === 'refresh');
  const target = /^\s*\d*\s*[;,]\s*url\s*=\s*['"]?([^'"]+)/i.exec(meta?.getAttribute('content') ?? '')?.[1];
  return target === undefined ? undefined : resolveLink(target.trim(), site, path, origin);
}

function navOf(list: Element, place: Place): NavItem[] {
  return children(list, 'li').map((item) => {
    const link = item.querySelector(':scope > a.md-nav__link, :scope > .md-nav__container > a.md-nav__link');
    const label = link ?? item.querySelector(':scope > label, :scope > .md-nav__container > label, :scope > span');
    const below = item.querySelector(':scope > nav:not(.md-nav--secondary) > .md-nav__list');
    return {
      title: clean((label?.querySelector('.md-ellipsis') ?? label)?.textContent) ?? '',
      address: addressOf(link, place),
      current: link?.classList.contains('md-nav__link--active') ?? false,
      items: below ? navOf(below, place) : [],
    };
  });
}

function addressOf(link: Element | null, { site, path, origin }: Place): string | undefined {
  const href = link?.getAttribute('href');
  if (href === null || href === undefined) return undefined;
  const leads = resolveLink(href, site, path, origin);
  return leads.to === 'here' ? undefined : leads.address;
}

/** All pages of a navigation in their order. */
export function pagesOf(nav: readonly NavItem[]): NavItem[] {
  return nav.flatMap((item) => [...(item.address === undefined ? [] : [item]), ...pagesOf(item.items)]);
}

function currentOf(nav: readonly NavItem[]): NavItem | undefined {
  return pagesOf(nav).find(({ current }) => current);
}

/** The page before and the one after: those of the footer, or else of the navigation. */
function neighboursOf(body: Element, nav: readonly NavItem[], place: Place): Pick<DocsPage, 'previous' | 'next'> {
  const pages = pagesOf(nav);
  const at = pages.findIndex(({ current }) => current);
  const of = (name: string, other: NavItem | undefined): NavItem | undefined => {
    const link = body.querySelector(`.md-footer__link--${name}`);
    const title = clean(link?.querySelector('.md-footer__title .md-ellipsis')?.textContent);
    const address = addressOf(link, place);
    return title !== undefined && address !== undefined ? { title, address, current: false, items: [] } : other;
  };
  return { previous: of('prev', pages[at - 1]), next: of('next', at < 0 ? undefined : pages[at + 1]) };
}

function contentsOf(article: Element): Heading[] {
  return [...article.querySelectorAll('h2[id], h3[id]')].map((heading) => ({
    id: heading.id,
    title: clean(withoutMark(heading)) ?? heading.id,
    level: Number(heading.localName.slice(1)),
  }));
}

/** The text of a heading without the mark that links to it. */
function withoutMark(heading: Element | null): string | null | undefined {
  const copy = heading?.cloneNode(true) as Element | undefined;
  for (const mark of copy?.querySelectorAll('.headerlink') ?? []) mark.remove();
  return copy?.textContent;
}

const rewritten = 'a[href], area[href]';

function resolveAddresses(article: Element, place: Place): void {
  const { site, path, origin } = place;
  for (const link of article.querySelectorAll(rewritten)) {
    const leads = resolveLink(link.getAttribute('href') ?? '', site, path, origin);
    if (leads.to === 'here') continue;
    link.setAttribute('href', leads.address);
    if (leads.to !== 'portal') link.setAttribute('target', '_blank');
    if (leads.to === 'elsewhere') link.setAttribute('rel', 'noopener noreferrer');
  }
  for (const link of article.querySelectorAll('svg a')) link.removeAttribute('xlink:href');
  for (const media of article.querySelectorAll('[src]')) {
    media.setAttribute('src', resolveFile(media.getAttribute('src') ?? '', site, path, origin));
  }
  for (const media of article.querySelectorAll('[poster]')) {
    media.setAttribute('poster', resolveFile(media.getAttribute('poster') ?? '', site, path, origin));
  }
  for (const media of article.querySelectorAll('[srcset]')) {
    media.setAttribute('srcset', resolveSet(media.getAttribute('srcset') ?? '', place));
  }
  for (const image of article.querySelectorAll('img')) prepareImage(image);
}

function resolveSet(srcset: string, { site, path, origin }: Place): string {
  return srcset
    .split(/,\s+/)
    .map((entry) => {
      const [src = '', ...rest] = entry.trim().split(/\s+/);
      return [resolveFile(src, site, path, origin), ...rest].join(' ');
    })
    .join(', ');
}

/** Emoji are drawn by the system instead of by a host that would learn who reads what; pictures are loaded when they are near. */
function prepareImage(image: HTMLImageElement): void {
  const emoji =
    image.matches('.emojione, .twemoji, .gemoji') &&
    /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(image.alt);
  if (!emoji) {
    image.setAttribute('loading', 'lazy');
    return;
  }
  const text = image.ownerDocument.createElement('span');
  text.setAttribute('role', 'img');
  text.setAttribute('aria-label', image.title.replaceAll(':', '').replaceAll('_', ' ') || image.alt);
  text.className = 'emoji';
  text.textContent = image.alt;
  image.replaceWith(text);
}

function clean(text: string | null | undefined): string | undefined {
  return text?.replace(/\s+/g, ' ').trim() || undefined;
}

function children(parent: Element, name: string): Element[] {
  return [...parent.children].filter((child) => child.localName === name);
}
