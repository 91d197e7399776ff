import { queryOptions } from '@tanstack/react-query';
import {
  allowDocsFiles,
  fetchDocsBuild,
  fetchDocsIndex,
  fetchDocsMetadata,
  fetchDocsPage,
  fetchDocsSite,
} from '@/api/docs';
import { serverNow } from '@/api/server-clock';
import type { DocsBuild } from '@/api/types';
import { filesAddress, pageFile, type Site, siteAddress, siteRef } from './site';

/** All that is read of a site has this at the beginning of its key. */
export function docsKey(site: Site): readonly string[] {
  return ['docs', siteAddress(site)];
}

/** A page's HTML with its path. It stays in memory for a while, so that going back shows it at once. */
export const docsPageQuery = (site: Site, path: string) =>
  queryOptions({
    queryKey: [...docsKey(site), 'page', path],
    queryFn: async ({ signal }) => ({ path, html: await fetchDocsPage(pageFile(site, path), signal) }),
    staleTime: 60_000,
    // What is being read does not change by itself.
    refetchOnWindowFocus: false,
  });

export const docsMetadataQuery = (site: Site) =>
  queryOptions({
    queryKey: [...docsKey(site), 'metadata'],
    queryFn: ({ signal }) => fetchDocsMetadata(triplet(site), signal),
    staleTime: 60_000,
  });

/** The index for the search within a site: loaded when somebody searches. */
export const docsIndexQuery = (site: Site) =>
  queryOptions({
    queryKey: [...docsKey(site), 'index'],
    queryFn: ({ signal }) => fetchDocsIndex(`${filesAddress(site)}search/search_index.json`, signal),
    staleTime: 5 * 60_000,
  });

const renewedAhead = 60_000;

/** The cookie with which the browser loads pictures, renewed before it ends. */
export const docsCookieQuery = queryOptions({
  queryKey: ['docs cookie'],
  queryFn: ({ signal }) => allowDocsFiles(signal),
  staleTime: 5 * 60_000,
  refetchInterval: ({ state: { data } }) =>
    data === undefined ? false : Math.max(renewedAhead, Date.parse(data) - serverNow() - renewedAhead),
});

const underWay: readonly string[] = ['requested', 'waiting', 'building'];

export function isUnderWay({ state }: Pick<DocsBuild, 'state'>): boolean {
  return underWay.includes(state);
}

/** A site with its builds, asked for again while one is under way. */
export const docsBuildsQuery = (site: Site) =>
  queryOptions({
    queryKey: [...docsKey(site), 'builds'],
    queryFn: ({ signal }) => fetchDocsSite(siteRef(site), signal),
    refetchInterval: ({ state: { data } }) => (data?.builds.some(isUnderWay) ? 1000 : false),
    retry: false,
  });

/** A build with its log. */
export const docsBuildQuery = ({ id, state }: Pick<DocsBuild, 'id' | 'state'>) =>
  queryOptions({
    queryKey: ['docs build', id, state],
    queryFn: ({ signal }) => fetchDocsBuild(id, signal),
    placeholderData: (previous) => previous,
    refetchInterval: isUnderWay({ state }) ? 1000 : false,
  });

/** The site in the addresses of the API. */
export function triplet(site: Site): string {
  return siteAddress(site).slice('/docs/'.length, -1);
}
