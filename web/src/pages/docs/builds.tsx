import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleMinus, LoaderCircle } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { buildDocs } from '@/api/docs';
import type { DocsBuild, DocsProblem } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { docsBuildQuery, docsBuildsQuery, docsKey, isUnderWay } from '@/docs/queries';
import { type Site, siteRef } from '@/docs/site';
import { humanizeRef } from '@/entity/ref';
import { Button } from '@/ui/button';
import { ExternalLink } from '@/ui/external-link';
import { formatDuration, plural } from '@/ui/format';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';
import { Log } from './log';

/** A button below a page that opens the builds of its site. */
export function Builds({ site }: { site: Site }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="hover:text-ink hover:underline"
      >
        Builds
      </button>
      {open && (
        <section aria-label="Builds" className="mt-2 basis-full text-base text-ink">
          <List site={site} />
        </section>
      )}
    </>
  );
}

function List({ site }: { site: Site }) {
  const { data, error, refetch } = useQuery(docsBuildsQuery(site));
  if (error && !data) return <ErrorPanel error={error} doing="list the builds" onRetry={() => refetch()} />;
  if (!data) return <Skeleton />;
  return (
    <div className="space-y-3">
      <ul className="divide-y border-y">
        {data.builds.map((build) => (
          <Build key={build.id} build={build} />
        ))}
      </ul>
      {data.builds.length === 0 && <p className="text-muted">It was published from elsewhere: none was made here.</p>}
      <BuildAgain site={site} label="Build now" />
    </div>
  );
}

/** A button that builds a site; it says why it was refused. */
export function BuildAgain({ site, label, onStart }: { site: Site; label: string; onStart?: () => void }) {
  const queries = useQueryClient();
  const build = useCommand(() => buildDocs(siteRef(site)), {
    onSuccess: () => {
      onStart?.();
      return queries.invalidateQueries({ queryKey: [...docsKey(site), 'builds'] });
    },
  });
  return (
    <div className="space-y-2">
      <Button busy={build.busy} onClick={build.start}>
        {label}
      </Button>
      {build.error && <ErrorPanel error={build.error} doing="build this documentation" />}
    </div>
  );
}

const looks: Record<DocsBuild['state'], { word: string; icon: ReactNode }> = {
  requested: { word: 'Requested', icon: <LoaderCircle size={14} aria-hidden className="text-muted" /> },
  waiting: { word: 'Waiting', icon: <LoaderCircle size={14} aria-hidden className="text-muted" /> },
  building: { word: 'Building', icon: <LoaderCircle size={14} aria-hidden className="turning text-muted" /> },
  published: { word: 'Published', icon: <CircleCheck size={14} aria-hidden className="text-done" /> },
  unchanged: { word: 'Unchanged', icon: <CircleMinus size={14} aria-hidden className="text-muted" /> },
  failed: { word: 'Failed', icon: <CircleAlert size={14} aria-hidden className="text-failed" /> },
};

function Build({ build }: { build: DocsBuild }) {
  const [open, setOpen] = useState(false);
  const { word, icon } = looks[build.state];
  return (
    <li className="py-1.5">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full flex-wrap items-center gap-x-3 rounded px-1 text-left hover:bg-hover"
      >
        <span className="flex w-24 items-center gap-1.5">
          {icon} {word}
        </span>
        <span className="text-muted">
          <RelativeTime at={build.askedAt} />
        </span>
        <span className="min-w-0 grow truncate text-muted">{factsOf(build)}</span>
      </button>
      {open && <Details build={build} />}
    </li>
  );
}

const causes: Record<DocsBuild['cause'], string> = {
  person: 'asked for',
  push: 'after a push',
  schedule: 'by schedule',
  read: 'for a reader',
};

function factsOf({ cause, askedBy, seconds, pages, problems, etag }: DocsBuild): string {
  const took = seconds.fetch + seconds.render + seconds.publish + seconds.index;
  return [
    cause === 'person' && askedBy ? `asked for by ${humanizeRef(askedBy, 'user')}` : causes[cause],
    took > 0 && formatDuration(took * 1000),
    pages > 0 && plural(pages, 'page'),
    problems.length > 0 && plural(problems.length, 'problem'),
    etag?.slice(0, 7),
  ]
    .filter(Boolean)
    .join(' · ');
}

function Details({ build }: { build: DocsBuild }) {
  const { data } = useQuery(docsBuildQuery(build));
  return (
    <div className="space-y-2 p-2">
      <Reasons build={build} />
      {data ? <Log lines={data.log.map(({ line }) => line)} /> : <Skeleton lines={2} />}
      {isUnderWay(build) && <p className="text-muted">It goes on.</p>}
      {build.workflowUrl && <ExternalLink href={build.workflowUrl}>Workflow in Temporal</ExternalLink>}
    </div>
  );
}

/** Why a build failed, and what its author can mend. */
export function Reasons({ build: { failure, problems } }: { build: Pick<DocsBuild, 'failure' | 'problems'> }) {
  return (
    <>
      {failure && (
        <p className="whitespace-pre-wrap wrap-anywhere">
          {failure.message}
          {failure.next && <span className="text-muted"> {failure.next}</span>}
        </p>
      )}
      {problems.length > 0 && (
        <ul aria-label="Problems" className="space-y-1.5">
          {problems.map((problem) => (
            <li key={`${problem.file} ${problem.line} ${problem.column} ${problem.message}`} className="wrap-anywhere">
              <Problem problem={problem} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const tones: Record<string, string> = { error: 'text-failed', warning: 'text-waiting' };

function Problem({ problem: { severity, file, line, column, message } }: { problem: DocsProblem }) {
  const place = [file, line, line && column].filter(Boolean).join(':');
  return (
    <>
      <span className={tones[severity] ?? 'text-muted'}>{severity}</span>{' '}
      {place && <code className="font-mono text-small">{place}</code>} {message}
    </>
  );
}
