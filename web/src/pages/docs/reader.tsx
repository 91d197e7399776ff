import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { ApiError } from '@/api/errors';
import { infoQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { readPage } from '@/docs/parse';
import { docsBuildsQuery, docsCookieQuery, docsKey, docsPageQuery } from '@/docs/queries';
import type { Site } from '@/docs/site';
import { type Sync, useSync } from '@/docs/use-sync';
import { Button } from '@/ui/button';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { BuildFailed, Building, NotBuilt, PageMissing } from './build';
import { Layout } from './layout';
import { Shown } from './shown';
import { VersionBanner } from './version';

interface ReaderProps {
  site: Site;
  /** The path of the page in the site, without slashes around it. */
  path: string;
  entity: Entity | undefined;
}

/** The pages of one site, while it is checked whether it has to be built again. */
export function Reader({ site, path, entity }: ReaderProps) {
  const queries = useQueryClient();
  const [attempt, setAttempt] = useState(0);
  const sync = useSync(site, attempt);
  // The page before stays until the next one is there.
  const page = useQuery({ ...docsPageQuery(site, path), placeholderData: keepPreviousData });
  const isMissing = page.error instanceof ApiError && page.error.status === 404;
  const [isNewest, setNewest] = useState(false);
  const reload = useCallback(() => {
    setNewest(true);
    queries.invalidateQueries({ queryKey: docsKey(site) });
  }, [queries, site]);
  useEffect(() => {
    // What could not be shown may be there now.
    if (sync.state === 'updated' && isMissing) reload();
  }, [sync.state, isMissing, reload]);

  const retry = () => {
    setNewest(false);
    setAttempt(attempt + 1);
  };
  const shared = { site, entity, sync, onRetry: retry };
  if (isMissing && sync.state === 'updated' && page.isFetching) return <Skeleton lines={10} />;
  if (isMissing) return <Missing {...shared} path={path} />;
  if (page.data) {
    return <Found {...shared} {...page.data} isOld={sync.state === 'updated' && !isNewest} onReload={reload} />;
  }
  if (page.error) return <ErrorPanel error={page.error} doing="show this page" onRetry={() => page.refetch()} />;
  return <Skeleton lines={10} />;
}

interface StateProps extends ReaderProps {
  sync: Sync;
  onRetry: () => void;
}

/** A page that was read; undefined until it is known what its HTML may have. */
function usePage(site: Site, path: string, html: string | undefined) {
  const { data: info, isPending } = useQuery(infoQuery);
  const sanitizer = info?.docs.sanitizer;
  return useMemo(() => {
    if (html === undefined || isPending) return undefined;
    return readPage(html, { site, path, origin: window.location.origin }, sanitizer);
  }, [html, path, site, sanitizer, isPending]);
}

interface FoundProps extends StateProps {
  html: string;
  /** Whether a newer version was built than the one that is shown. */
  isOld: boolean;
  onReload: () => void;
}

function Found({ site, path, entity, html, sync, isOld, onRetry, onReload }: FoundProps) {
  const router = useRouter();
  // The browser loads pictures with a cookie.
  const cookie = useQuery(docsCookieQuery);
  const builds = useQuery(docsBuildsQuery(site));
  const page = usePage(site, path, html);
  const redirect = page?.redirect;
  useEffect(() => {
    if (redirect?.to === 'portal') router.history.replace(redirect.address);
  }, [redirect, router]);
  if (!page || cookie.isPending || redirect?.to === 'portal') return <Skeleton lines={10} />;
  return (
    <Layout site={site} path={path} entity={entity} page={page}>
      <VersionBanner site={site} path={path} />
      {isOld && (
        <p
          role="status"
          className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md border p-3 print:hidden"
        >
          There is a newer version of this documentation.
          <Button onClick={onReload}>Show it</Button>
        </p>
      )}
      {(sync.state === 'failed' || builds.data?.failed) && (
        <BuildFailed site={site} sync={sync} onRetry={onRetry} isShown />
      )}
      <Shown site={site} page={page} />
    </Layout>
  );
}

/** In place of a page that is not there: what becomes of it, or what to do. */
function Missing({ site, path, entity, sync, onRetry }: StateProps) {
  // The first page shows that there is a site, and has its navigation.
  const first = useQuery({ ...docsPageQuery(site, ''), enabled: path !== '' });
  const page = usePage(site, '', first.data?.html);
  const builds = useQuery(docsBuildsQuery(site));
  const isSettled = sync.state === 'current' || sync.state === 'updated';
  const isFailed = sync.state === 'failed' || (isSettled && !page && builds.data?.builds[0]?.state === 'failed');
  if (sync.state === 'checking' || (path !== '' && first.isPending)) return <Skeleton lines={10} />;
  return (
    <Layout site={site} path={path} entity={entity} page={page && { ...page, contents: [] }}>
      {sync.state === 'building' && <Building log={sync.log} />}
      {isFailed && <BuildFailed site={site} sync={sync} onRetry={onRetry} />}
      {isSettled &&
        !isFailed &&
        (page ? <PageMissing site={site} path={path} /> : <NotBuilt site={site} entity={entity} onRetry={onRetry} />)}
    </Layout>
  );
}
