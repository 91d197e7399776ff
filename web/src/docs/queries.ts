import { queryOptions } from '@tanstack/react-query';
import { allowDocsFiles, fetchDocsIndex, fetchDocsMetadata, fetchDocsPage } from '@/api/client';
import { serverNow } from '@/api/server-clock';
import { filesAddress, pageFile, type Site, siteAddress } from './site';

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

/** The site in the addresses of the API. */
export function triplet(site: Site): string {
  return siteAddress(site).slice('/docs/'.length, -1);
}
