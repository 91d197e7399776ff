import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { Entity } from '@/api/types';
import type { DocsPage } from '@/docs/parse';
import { docsMetadataQuery } from '@/docs/queries';
import { currentOf, type Site, siteAddress } from '@/docs/site';
import { EntityLink } from '@/entity/entity-link';
import { ownersOf, refOf } from '@/entity/ref';
import { buttonLook } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { Contents } from './contents';
import { DocsLink } from './docs-link';
import { FindInSite } from './find-in-site';
import { Nav } from './nav';
import { VersionSwitch } from './version';

interface LayoutProps {
  site: Site;
  /** The path of the page in the site. */
  path: string;
  entity: Entity | undefined;
  /** Undefined without a site. */
  page: Pick<DocsPage, 'nav' | 'contents'> | undefined;
  children: ReactNode;
}

const column =
  'lg:sticky lg:top-17 lg:max-h-[calc(100dvh-84px)] lg:self-start lg:overflow-y-auto lg:overscroll-contain';

/** The frame of the reader: the navigation of the site on the left, the contents of the page on the right. */
export function Layout({ site, path, entity, page, children }: LayoutProps) {
  const [open, setOpen] = useState(false);
  return (
    <div className="mx-auto max-w-[84rem] space-y-5">
      <Heading site={site} path={path} entity={entity} isSearchable={page !== undefined} />
      <div className="grid grid-cols-1 gap-x-10 gap-y-4 lg:grid-cols-[13rem_minmax(0,1fr)] xl:grid-cols-[13rem_minmax(0,1fr)_12rem]">
        <div className={classNames(column, 'print:hidden')}>
          {page && page.nav.length > 0 && (
            <button
              type="button"
              aria-expanded={open}
              onClick={() => setOpen(!open)}
              className={buttonLook('plain', 'w-full lg:hidden')}
            >
              Pages
            </button>
          )}
          <div className={classNames('pt-3 lg:block lg:pt-0', !open && 'hidden')}>
            {page && <Nav items={page.nav} onFollow={() => setOpen(false)} />}
          </div>
        </div>
        <div className="min-w-0 max-w-[70ch] text-[15px] print:max-w-none">
          <div className="text-base">{children}</div>
        </div>
        <div className={classNames(column, 'hidden xl:block print:hidden')}>
          {page && <Contents headings={page.contents} />}
        </div>
      </div>
    </div>
  );
}

interface HeadingProps {
  site: Site;
  path: string;
  entity: Entity | undefined;
  isSearchable: boolean;
}

function Heading({ site, path, entity, isSearchable }: HeadingProps) {
  const { data: metadata } = useQuery({ ...docsMetadataQuery(site), enabled: isSearchable });
  const owner = entity && ownersOf(entity)[0];
  return (
    <header className="flex flex-wrap items-center gap-x-6 gap-y-2 border-b pb-3 print:hidden">
      <p className="flex min-w-0 grow flex-wrap items-center gap-x-2 text-muted">
        <Link to="/docs" className="hover:text-ink hover:underline">
          Docs
        </Link>
        <span aria-hidden>/</span>
        <DocsLink address={siteAddress(site)} className="font-medium text-ink hover:underline">
          {metadata?.site_name ?? entity?.metadata.title ?? currentOf(site).name}
        </DocsLink>
        {entity && (
          <span className="flex flex-wrap items-center gap-x-1.5">
            of <EntityLink entityRef={refOf(entity)} />
          </span>
        )}
        {owner && (
          <span className="flex flex-wrap items-center gap-x-1.5">
            owned by <EntityLink entityRef={owner} />
          </span>
        )}
      </p>
      <VersionSwitch site={site} path={path} />
      {isSearchable && <FindInSite site={site} />}
    </header>
  );
}
