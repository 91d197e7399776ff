import { useQuery } from '@tanstack/react-query';
import { useLocation, useRouter } from '@tanstack/react-router';
import { ArrowLeft, ArrowRight } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { Article, type Selected } from '@/docs/article';
import { builtAt } from '@/docs/metadata';
import type { DocsPage, NavItem } from '@/docs/parse';
import { docsMetadataQuery } from '@/docs/queries';
import type { Site } from '@/docs/site';
import { ExternalLink } from '@/ui/external-link';
import { Key } from '@/ui/tag';
import { RelativeTime } from '@/ui/time';
import { Builds } from './builds';
import { DocsLink, useFollow, usePrefetch } from './docs-link';
import { Quote } from './quote';
import { useKeys } from './use-keys';

interface ShownProps {
  site: Site;
  page: DocsPage;
}

/** A page, and below it what leads on from it. */
export function Shown({ site, page }: ShownProps) {
  const { history } = useRouter();
  const hash = useLocation({ select: (location) => location.hash });
  const [selected, setSelected] = useState<Selected>();
  const follow = useStable(useFollow());
  const near = useStable(usePrefetch());
  const { data: metadata } = useQuery(docsMetadataQuery(site));
  const built = builtAt(metadata);
  useKeys({
    n: page.next?.address && (() => history.push(page.next?.address ?? '')),
    p: page.previous?.address && (() => history.push(page.previous?.address ?? '')),
  });
  useEffect(() => {
    document.title = [page.title, metadata?.site_name].filter(Boolean).join(' · ') || 'Docs';
  }, [page.title, metadata]);
  return (
    <>
      {page.redirect && page.redirect.to !== 'here' && (
        <p className="mb-5 rounded-md border p-3">
          This page has moved to <ExternalLink href={page.redirect.address}>{page.redirect.address}</ExternalLink>
        </p>
      )}
      <Article article={page.article} hash={hash} onFollow={follow} onNear={near} onSelect={setSelected} />
      {selected && page.edit && <Quote selected={selected} edit={page.edit} title={page.title} />}
      <footer className="mt-10 space-y-4 print:hidden">
        <nav aria-label="Next and previous page" className="flex flex-wrap justify-between gap-3 empty:hidden">
          {page.previous && <Neighbour item={page.previous} isNext={false} />}
          {page.next && <Neighbour item={page.next} isNext />}
        </nav>
        <div className="flex flex-wrap gap-x-4 gap-y-1 border-t pt-3 text-small text-muted">
          {page.edit && <ExternalLink href={page.edit}>Edit this page</ExternalLink>}
          {page.changed && <span>Last change: {page.changed}</span>}
          {built && (
            <span title={metadata?.etag}>
              Built <RelativeTime at={built} />
            </span>
          )}
          <Builds site={site} />
        </div>
      </footer>
    </>
  );
}

/** A function that stays the same while the one behind it changes. */
function useStable<Argument>(act: (argument: Argument) => void): (argument: Argument) => void {
  const [latest] = useState({ act });
  latest.act = act;
  return useCallback((argument) => latest.act(argument), [latest]);
}

function Neighbour({ item, isNext }: { item: NavItem; isNext: boolean }) {
  return (
    <DocsLink
      address={item.address ?? ''}
      aria-keyshortcuts={isNext ? 'n' : 'p'}
      className="group flex min-w-0 items-center gap-2 rounded-md border px-3 py-2 hover:bg-hover last:ml-auto"
    >
      {!isNext && <ArrowLeft size={16} aria-hidden className="shrink-0 text-muted" />}
      <span className="min-w-0">
        <span className="flex items-center gap-1.5 text-small text-muted">
          {isNext ? 'Next' : 'Previous'} <Key>{isNext ? 'n' : 'p'}</Key>
        </span>
        <span className="block truncate">{item.title}</span>
      </span>
      {isNext && <ArrowRight size={16} aria-hidden className="shrink-0 text-muted" />}
    </DocsLink>
  );
}
