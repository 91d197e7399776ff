import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CircleAlert, LoaderCircle } from 'lucide-react';
import type { Entity } from '@/api/types';
import { docsBuildsQuery } from '@/docs/queries';
import { docsAnnotations, type Site, siteAddress } from '@/docs/site';
import type { Sync } from '@/docs/use-sync';
import { Command } from '@/ui/states';
import { BuildAgain, Reasons } from './builds';
import { DocsLink } from './docs-link';
import { Log } from './log';

/** While a site is built for the first time: what the build says. */
export function Building({ log }: { log: readonly string[] }) {
  return (
    <div className="space-y-4">
      <div role="status" className="space-y-1">
        <h1 className="flex items-center gap-2 text-title">
          <LoaderCircle size={18} aria-hidden className="turning text-muted" />
          This documentation is being built
        </h1>
        <p className="text-muted">It is shown here as soon as it is there.</p>
      </div>
      <Log lines={log} />
    </div>
  );
}

interface BuildFailedProps {
  site: Site;
  sync: Sync;
  onRetry: () => void;
  /** Whether an earlier version of the site is shown. */
  isShown?: boolean;
}

/** Why a site could not be built. */
export function BuildFailed({ site, sync, onRetry, isShown = false }: BuildFailedProps) {
  const { data } = useQuery(docsBuildsQuery(site));
  const failed = data?.builds[0]?.state === 'failed' ? data.builds[0] : undefined;
  return (
    <div role="alert" className="mb-5 flex gap-3 rounded-md border p-4 print:hidden">
      <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 grow space-y-2">
        <p className="font-medium">
          {isShown
            ? 'The newest version could not be built; this is the last good one'
            : 'This documentation could not be built'}
        </p>
        {failed ? <Reasons build={failed} /> : <p className="whitespace-pre-wrap wrap-anywhere">{sync.error}</p>}
        {sync.log.length > 0 && (
          <details>
            <summary className="text-muted">Log of the build</summary>
            <div className="mt-2">
              <Log lines={sync.log} />
            </div>
          </details>
        )}
        <BuildAgain site={site} label="Build again" onStart={onRetry} />
      </div>
    </div>
  );
}

/** For an entity without a site. */
export function NotBuilt({ site, entity, onRetry }: { site: Site; entity: Entity | undefined; onRetry: () => void }) {
  const reference = entity?.metadata.annotations?.[docsAnnotations.own];
  return (
    <div className="space-y-3">
      <h1 className="text-title">There is no documentation of {entity?.metadata.title ?? site.name} yet</h1>
      {reference ? (
        <>
          <p className="text-muted">
            It is written at <code className="font-mono text-small wrap-anywhere">{reference}</code>, but no build of it
            has been stored. If a job of CI builds it, look there; otherwise ask for a build.
          </p>
          <BuildAgain site={site} label="Build it now" onStart={onRetry} />
        </>
      ) : (
        <>
          <p className="text-muted">
            Put mkdocs.yml and a folder docs beside catalog-info.yaml, and this annotation into it:
          </p>
          <Command>backstage.io/techdocs-ref: dir:.</Command>
        </>
      )}
      <p className="text-muted">
        <Link to="/docs" className="text-accent underline">
          All documentation
        </Link>
      </p>
    </div>
  );
}

/** For an address in a site at which there is no page. */
export function PageMissing({ site, path }: { site: Site; path: string }) {
  return (
    <div className="space-y-3">
      <h1 className="text-title">There is no page at this address</h1>
      <p className="text-muted">
        <code className="font-mono text-small wrap-anywhere">{path}</code> is not in this documentation. It may have
        been renamed or removed: look for it in the navigation, search above, or begin at the{' '}
        <DocsLink address={siteAddress(site)} className="text-accent underline">
          first page
        </DocsLink>
        .
      </p>
    </div>
  );
}
