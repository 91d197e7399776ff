import type { Entity } from '@/api/types';
import { parseRef, stringifyRef } from '@/entity/ref';

/** What names the source of an entity's documentation, and what names another entity whose documentation it has. */
export const docsAnnotations = { own: 'backstage.io/techdocs-ref', borrowed: 'backstage.io/techdocs-entity' } as const;

export function isDocumented({ metadata: { annotations = {} } }: Pick<Entity, 'metadata'>): boolean {
  return Object.values(docsAnnotations).some((annotation) => annotation in annotations);
}

/** The entity whose documentation a site is. Its parts are written as in the address of the page. */
export interface Site {
  namespace: string;
  kind: string;
  /** The name, and after an @ the version, if it is not the current one: shop@v1.2. */
  name: string;
}

/** The site of the current documentation. */
export function currentOf(site: Site): Site {
  const at = site.name.indexOf('@');
  return at < 0 ? site : { ...site, name: site.name.slice(0, at) };
}

/** The version in the words of the repository, a branch or a tag; undefined for the current documentation. */
export function versionOf({ name }: Site): string | undefined {
  const at = name.indexOf('@');
  return at < 0 ? undefined : name.slice(at + 1).replaceAll('~', '/');
}

/** The reference of the entity, with the version as it is written. */
export function siteRef(site: Site): string {
  return stringifyRef(currentOf(site)) + site.name.slice(currentOf(site).name.length);
}

export function siteOf(ref: string): Site {
  const { namespace, kind, name } = parseRef(ref);
  return { namespace, kind, name };
}

function sitePath({ namespace, kind, name }: Site): string {
  return [namespace, kind, name].map((part) => encodeURIComponent(part).replaceAll('%40', '@')).join('/');
}

/** The address of a site's first page in the portal. */
export function siteAddress(site: Site): string {
  return `/docs/${sitePath(site)}/`;
}

/** The address of a page in the portal, by its path in the site: `guides/start/`. */
export function pageAddress(site: Site, path: string): string {
  return siteAddress(site) + encodePath(path);
}

/** Where the files of a site are served. */
export function filesAddress(site: Site): string {
  return `/api/techdocs/static/docs/${sitePath(site)}/`;
}

/** The address of a page's HTML. A path is a folder, unless it names a file, as in sites without directory URLs. */
export function pageFile(site: Site, path: string): string {
  return filesAddress(site) + encodePath(isHtml(path) ? path : `${folderOf(path)}index.html`);
}

/** The folder with which relative addresses of a page begin: '' or one with a slash at its end. */
export function folderOf(path: string): string {
  const clean = path.replace(/^\/+/, '');
  if (isHtml(clean)) return clean.slice(0, clean.lastIndexOf('/') + 1);
  return clean === '' || clean.endsWith('/') ? clean : `${clean}/`;
}

function isHtml(path: string): boolean {
  return /\.html?$/i.test(path);
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** Where an address in a page leads. */
export type Leads =
  /** To a place in the same page. */
  | { to: 'here'; hash: string }
  /** To a page of the portal, which may be one of the same site. */
  | { to: 'portal'; address: string }
  /** To a file of the site. */
  | { to: 'file'; address: string }
  /** To somewhere else. */
  | { to: 'elsewhere'; address: string };

/**
 * Where the address of a link leads, from a page of a site. Relative addresses are those of the site's files, and what has
 * the ending of a file other than a page is one.
 */
export function resolveLink(href: string, site: Site, path: string, origin: string): Leads {
  if (href.startsWith('#')) return { to: 'here', hash: href.slice(1) };
  const first = siteAddress(site);
  let url: URL;
  try {
    url = new URL(href, `${origin}${first}${encodePath(folderOf(path))}`);
  } catch {
    return { to: 'elsewhere', address: href };
  }
  if (url.origin !== origin) return { to: 'elsewhere', address: url.href };
  const rest = `${url.search}${url.hash}`;
  if (!url.pathname.startsWith(first))
    return { to: url.pathname.startsWith('/api/') ? 'file' : 'portal', address: url.pathname + rest };
  const inside = url.pathname.slice(first.length);
  if (isFile(inside)) return { to: 'file', address: filesAddress(site) + inside + rest };
  const page = inside.replace(/(^|\/)index\.html$/i, '$1');
  return { to: 'portal', address: first + page + rest };
}

/** Whether a path names a file that is no page. A dot alone does not make it one: `release-1.2/` is a page. */
function isFile(path: string): boolean {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1];
  return ending !== undefined && !isHtml(path) && /[a-z]/i.test(ending);
}

/** The address of a picture or another file that a page loads. One of another origin stays as it is. */
export function resolveFile(src: string, site: Site, path: string, origin: string): string {
  if (/^(?:data|blob):/i.test(src)) return src;
  try {
    const url = new URL(src, `${origin}${filesAddress(site)}${encodePath(folderOf(path))}`);
    return url.origin === origin ? url.pathname + url.search : url.href;
  } catch {
    return src;
  }
}

/** The site and the path of a page's address. */
export function pathOf(address: string): { site: Site; path: string } | undefined {
  const match = /^\/docs\/([^/]+)\/([^/]+)\/([^/?#]+)(?:\/([^?#]*))?/.exec(address);
  if (!match) return undefined;
  try {
    const [namespace = '', kind = '', name = '', path = ''] = match
      .slice(1)
      .map((part) => decodeURIComponent(part ?? ''));
    return { site: { namespace, kind, name }, path: path.replace(/\/+$/, '') };
  } catch {
    return undefined;
  }
}
