import { usePrefetchQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { byTitle } from '@/api/catalog';
import { entitiesQuery, runsQuery, sessionQuery } from '@/api/queries';
import type { Entity, RunPage, RunSummary } from '@/api/types';
import { useRecent, useStarred } from '@/entity/bookmarks';
import { EntityLink } from '@/entity/entity-link';
import { errorsOf } from '@/entity/problems';
import { displayName, parseRef, refOf } from '@/entity/ref';
import { beganAt } from '@/run/began';
import { runName } from '@/run/name';
import { runLook } from '@/run/status';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { linkedRow, rowLink } from '@/ui/row-link';
import { State } from '@/ui/state';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';

const shownRuns = 8;
const shownEntities = 12;

/**
 * The user's own things: parked runs, recent runs, entities of the user's teams, starred and recently seen
 * entities.
 */
export function HomePage() {
  const { data: session, error } = useQuery(sessionQuery);
  useEffect(() => {
    document.title = 'Portico';
  }, []);
  if (error && !session) return <ErrorPanel error={error} doing="sign you in" />;
  if (!session) return <Skeleton />;
  const { userEntityRef, ownershipEntityRefs } = session.backstageIdentity.identity;
  return (
    <div className="grid max-w-6xl grid-cols-1 gap-x-12 gap-y-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <h1 className="sr-only">Home</h1>
      <Runs me={userEntityRef} />
      <div className="space-y-8">
        <Owned owners={ownershipEntityRefs} />
        <Bookmarks />
      </div>
    </div>
  );
}

function Section({ title, more, children }: { title: string; more?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <div className="flex items-baseline justify-between gap-4 border-b pb-1.5">
        <h2>{title}</h2>
        <span className="text-small text-muted">{more}</span>
      </div>
      {children}
    </section>
  );
}

const waitingQuery = (me: string) => runsQuery({ phase: 'parked', createdBy: me, limit: 50 });
const recentQuery = (me: string) => runsQuery({ createdBy: me, limit: shownRuns });

/** Both lists are shown at once; otherwise the later one would move the other. */
function Runs({ me }: { me: string }) {
  const waiting = useQuery(waitingQuery(me));
  usePrefetchQuery(recentQuery(me));
  if (waiting.isPending) return <Skeleton />;
  return (
    <div className="space-y-8">
      {waiting.data && <WaitingForMe page={waiting.data} />}
      <MyRuns me={me} />
    </div>
  );
}

function WaitingForMe({ page: { runs: parked, total } }: { page: RunPage }) {
  if (parked.length === 0) return null;
  return (
    <Section title="Waiting for you" more={plural(total, 'run')}>
      <ul className="divide-y">
        {parked.map((run) => (
          <li key={run.id} className={`py-2 ${linkedRow}`}>
            <RunLink run={run} />
            <p className="truncate text-muted" title={run.error?.message}>
              {run.error?.message ?? `Failed at ${run.failedStepName}`}
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function MyRuns({ me }: { me: string }) {
  const { data, error, refetch } = useQuery({
    ...recentQuery(me),
    refetchInterval: 10_000,
  });
  return (
    <Section
      title="Your runs"
      more={
        <Link to="/runs" search={{ by: me }} className="hover:text-ink">
          all
        </Link>
      }
    >
      {error && !data && <ErrorPanel error={error} doing="list your runs" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton />}
      {data?.runs.length === 0 && (
        <Empty title="You have not made anything yet.">
          <p>
            Pick a template under{' '}
            <Link to="/create" className="text-accent underline">
              Create
            </Link>
            ; its run shows up here and goes on when this page is closed.
          </p>
        </Empty>
      )}
      <ul className="divide-y">
        {data?.runs.map((run) => (
          <li key={run.id} className={`flex items-center gap-4 py-2 ${linkedRow}`}>
            <span className="flex shrink-0 sm:w-28">
              <State look={runLook(run)} wordFrom="sm" />
            </span>
            <RunLink run={run} />
            <span className="ml-auto shrink-0 text-muted">
              <RelativeTime at={beganAt(run)} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function RunLink({ run }: { run: RunSummary }) {
  return (
    <Link
      to="/runs/$id"
      params={{ id: run.id }}
      className={classNames('flex min-w-0 items-center gap-2 hover:text-accent hover:underline', rowLink)}
    >
      <span className="truncate font-medium">{runName(run)}</span>
      {run.subject && <span className="hidden truncate text-muted md:inline">{run.title}</span>}
    </Link>
  );
}

const ownedKinds = ['component', 'api', 'resource', 'system', 'domain'];

function Owned({ owners }: { owners: readonly string[] }) {
  const filter = [
    ...ownedKinds.map((kind) => `kind=${kind}`),
    ...owners.map((owner) => `relations.ownedBy=${owner}`),
  ].join(',');
  const { data, error, refetch } = useQuery(
    entitiesQuery({ filter: [filter], orderField: byTitle, limit: shownEntities }),
  );
  const rest = data ? data.totalItems - data.items.length : 0;
  return (
    <Section
      title="Yours and your teams’"
      more={
        <Link to="/catalog" search={{ owner: [...owners] }} className="hover:text-ink">
          {rest > 0 ? `${rest} more` : 'in the catalog'}
        </Link>
      }
    >
      {error && !data && <ErrorPanel error={error} doing="list what you own" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton />}
      {data?.items.length === 0 && (
        <Empty title="Nothing in the catalog names you or your teams as its owner.">
          <p>
            An entity belongs to the group in its <code className="font-mono">spec.owner</code>.
          </p>
        </Empty>
      )}
      <ul className="divide-y">
        {data?.items.map((entity) => (
          <OwnedRow key={refOf(entity)} entity={entity} />
        ))}
      </ul>
    </Section>
  );
}

function OwnedRow({ entity }: { entity: Entity }) {
  const errors = errorsOf(entity).length;
  return (
    <li className={`flex items-center gap-3 py-2 ${linkedRow}`}>
      <EntityLink entityRef={refOf(entity)} title={displayName(entity)} className={rowLink} />
      <span className="ml-auto shrink-0 text-small text-muted">
        {errors > 0 ? <span className="text-failed">{plural(errors, 'error')}</span> : String(entity.spec?.type ?? '')}
      </span>
    </li>
  );
}

function Bookmarks() {
  const starred = useStarred();
  const recent = useRecent().filter((ref) => !starred.includes(ref));
  return (
    <>
      {starred.length > 0 && (
        <Section title="Starred">
          <RefList refs={starred} />
        </Section>
      )}
      {recent.length > 0 && (
        <Section title="Recently seen">
          <RefList refs={recent} />
        </Section>
      )}
    </>
  );
}

function RefList({ refs }: { refs: readonly string[] }) {
  return (
    <ul className="divide-y">
      {refs.map((ref) => (
        <li key={ref} className={`flex items-center gap-3 py-2 ${linkedRow}`}>
          <EntityLink entityRef={ref} className={rowLink} />
          <span className="ml-auto text-small text-muted">{parseRef(ref).kind}</span>
        </li>
      ))}
    </ul>
  );
}
