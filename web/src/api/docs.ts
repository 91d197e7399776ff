import { namePath } from './catalog';
import { command, json, send } from './request';
import type { DocsBuildWithLog, DocsIndex, DocsMetadata, DocsSite } from './types';

/** The HTML of a page of documentation, as the server has it. */
export async function fetchDocsPage(address: string, signal?: AbortSignal): Promise<string> {
  return (await send(address, signal && { signal })).text();
}

/** What is known of a site: its name, and when and of what it was built. */
export function fetchDocsMetadata(site: string, signal?: AbortSignal): Promise<DocsMetadata> {
  return json(`/api/techdocs/metadata/techdocs/${site}`, signal && { signal });
}

/** The index of a site's own search. */
export function fetchDocsIndex(address: string, signal?: AbortSignal): Promise<DocsIndex> {
  return json(address, signal && { signal });
}

/** Has the browser get a cookie with which it loads the pictures of documentation. It answers until when that holds. */
export async function allowDocsFiles(signal?: AbortSignal): Promise<string> {
  const answer = await json<{ expiresAt: string }>('/api/techdocs/.backstage/auth/v1/cookie', signal && { signal });
  return answer.expiresAt;
}

function docsSitePath(entityRef: string): string {
  return `/api/portico/v1/techdocs/sites/${namePath(entityRef)}`;
}

/** The site of an entity with its builds, the latest first. */
export function fetchDocsSite(entityRef: string, signal?: AbortSignal): Promise<DocsSite> {
  return json(docsSitePath(entityRef), signal && { signal });
}

/** Builds the site of an entity, also if nothing has changed. */
export async function buildDocs(entityRef: string): Promise<void> {
  await command(`${docsSitePath(entityRef)}/build`, { force: true });
}

/** A build of a site with its log. */
export function fetchDocsBuild(id: string, signal?: AbortSignal): Promise<DocsBuildWithLog> {
  return json(`/api/portico/v1/techdocs/builds/${encodeURIComponent(id)}`, signal && { signal });
}

/** Asks for a new build of a site if its source has changed, and reads what becomes of it. */
export async function syncDocs(site: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
  return (await send(`/api/techdocs/sync/${site}`, { headers: { Accept: 'text/event-stream' }, signal })).body;
}
