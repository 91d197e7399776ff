import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Check, CircleAlert, CircleSlash, type LucideIcon } from 'lucide-react';
import { type ReactNode, useEffect, useId, useState } from 'react';
import { ApiError } from '@/api/errors';
import { auditActionsQuery, auditQuery } from '@/api/queries';
import type { AuditChange, AuditEvent } from '@/api/types';
import type { AuditSearch } from '@/search-params';
import { Button } from '@/ui/button';
import { Input, Select } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { RelativeTime } from '@/ui/time';

const route = getRouteApi('/audit');

/** Who changed what, and what was refused: a search in the audit log. */
export function AuditPage() {
  const search = route.useSearch();
  const { who, action, resource, outcome, since, until } = search;
  const query = useInfiniteQuery(
    auditQuery({
      ...(who && { who }),
      ...(action && { action }),
      ...(resource && { resource }),
      ...(outcome && { outcome }),
      ...(since && { since: `${since}T00:00:00Z` }),
      ...(until && { until: `${until}T00:00:00Z` }),
    }),
  );
  const events = query.data?.pages.flatMap((page) => page.events) ?? [];
  useEffect(() => {
    document.title = 'Audit log · Portico';
  }, []);

  if (query.error instanceof ApiError && query.error.status === 403) return <Refused />;
  return (
    <div className="max-w-5xl space-y-4">
      <h1 className="text-title">Audit log</h1>
      <Filters key={JSON.stringify(search)} search={search} />
      <Tabs label="Outcome">
        <Outcome label="All" search={search} of={undefined} />
        <Outcome label="Done" search={search} of="done" />
        <Outcome label="Denied" search={search} of="denied" />
        <Outcome label="Failed" search={search} of="failed" />
      </Tabs>
      {query.error && <ErrorPanel error={query.error} doing="search the audit log" onRetry={() => query.refetch()} />}
      {query.isPending && <Skeleton lines={8} />}
      {query.data && events.length === 0 && <Nothing filtered={Object.keys(search).length > 0} />}
      {events.length > 0 && (
        <ul aria-label="Events" className="divide-y">
          {events.map((event) => (
            <Event key={event.id} event={event} />
          ))}
        </ul>
      )}
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Refused() {
  return (
    <div className="space-y-4">
      <h1 className="text-title">Audit log</h1>
      <Empty title="You may not read the audit log.">
        <p>
          It says what everybody does here. Ask an administrator of this portal for the permission{' '}
          <code className="font-mono">portico.audit.read</code>.
        </p>
        <p>
          <Link
            to="/explain"
            search={{ permission: 'portico.audit.read' }}
            className="hover:text-accent hover:underline"
          >
            Why, and whom to ask
          </Link>
        </p>
      </Empty>
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty title="No event is like this." />
  ) : (
    <Empty title="Nothing was changed yet, and nothing refused." />
  );
}

function Outcome({ label, search, of }: { label: string; search: AuditSearch; of: AuditSearch['outcome'] }) {
  const { outcome, ...rest } = search;
  return (
    <Tab from="/audit" to="." search={{ ...rest, ...(of && { outcome: of }) }} current={outcome === of}>
      {label}
    </Tab>
  );
}

/** The filters take effect together, because people paste references that mean nothing while half typed. */
function Filters({ search }: { search: AuditSearch }) {
  const navigate = route.useNavigate();
  const { data: known } = useQuery(auditActionsQuery);
  const [typed, setTyped] = useState(search);
  const set = (key: keyof AuditSearch) => (event: { target: { value: string } }) =>
    setTyped({ ...typed, [key]: event.target.value.trim() || undefined });
  const isFiltered = Object.keys(search).length > 0;
  return (
    <search>
      <form
        className="grid gap-3 sm:grid-cols-3"
        onSubmit={(event) => {
          event.preventDefault();
          navigate({ search: typed });
        }}
      >
        <Field label="Who">
          {(id) => <Input id={id} value={typed.who ?? ''} onChange={set('who')} placeholder="user:default/ada" />}
        </Field>
        <Field label="What was done">
          {(id) => (
            <Select id={id} value={typed.action ?? ''} onChange={set('action')}>
              <option value="">Anything</option>
              {known?.actions.map(({ action, description }) => (
                <option key={action} value={action}>
                  {action}: {description}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="To what">
          {(id) => (
            <Input
              id={id}
              value={typed.resource ?? ''}
              onChange={set('resource')}
              placeholder="component:default/shop, or an id"
            />
          )}
        </Field>
        <Field label="Since">
          {(id) => <Input id={id} type="date" value={typed.since ?? ''} onChange={set('since')} />}
        </Field>
        <Field label="Before">
          {(id) => <Input id={id} type="date" value={typed.until ?? ''} onChange={set('until')} />}
        </Field>
        <div className="flex items-end gap-3">
          <Button type="submit">Search</Button>
          {isFiltered && (
            <Link to="/audit" search={{}} className="py-1.5 text-muted hover:text-ink hover:underline">
              Clear
            </Link>
          )}
        </div>
      </form>
    </search>
  );
}

function Field({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="text-small text-muted">
        {label}
      </label>
      {children(id)}
    </div>
  );
}

const looks: Record<AuditEvent['outcome'], { icon: LucideIcon; className: string }> = {
  done: { icon: Check, className: 'text-muted' },
  denied: { icon: CircleSlash, className: 'text-failed' },
  failed: { icon: CircleAlert, className: 'text-failed' },
};

function Event({ event }: { event: AuditEvent }) {
  const { icon: Icon, className } = looks[event.outcome];
  const origin = [
    event.address && `from ${event.address}`,
    event.requestId && `request ${event.requestId}`,
    event.traceId && `trace ${event.traceId}`,
  ].filter(Boolean);
  return (
    <li className="flex gap-2 py-2.5">
      <Icon size={16} aria-hidden className={`mt-0.5 shrink-0 ${className}`} />
      <div className="min-w-0 grow space-y-0.5">
        <div className="flex flex-wrap items-baseline gap-x-3">
          <h2 className="font-medium wrap-anywhere">{event.action}</h2>
          <Filter name="resource" value={event.resource} />
          {event.outcome !== 'done' && (
            <span className="text-failed">
              {event.outcome}
              {event.reason && `: ${event.reason}`}
            </span>
          )}
          <span className="text-small text-muted sm:ml-auto">
            <RelativeTime at={event.at} />
          </span>
        </div>
        <p className="flex flex-wrap gap-x-3 text-small text-muted">
          <span>
            by {event.actor ? <Filter name="who" value={event.actor} /> : 'somebody who is not signed in'}
            {event.onBehalfOf && (
              <>
                {' '}
                for <Filter name="who" value={event.onBehalfOf} />
              </>
            )}
          </span>
          {origin.length > 0 && <span className="wrap-anywhere">{origin.join(', ')}</span>}
        </p>
        {event.changes.length > 0 && (
          <details>
            <summary className="w-fit cursor-pointer text-small text-muted hover:text-ink">What changed</summary>
            <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 py-1 text-small">
              {event.changes.map((change) => (
                <Change key={change.field} change={change} />
              ))}
            </dl>
          </details>
        )}
      </div>
    </li>
  );
}

/** A value that filters the log when it is chosen. */
function Filter({ name, value }: { name: 'who' | 'resource'; value: string }) {
  return (
    <Link
      from="/audit"
      to="."
      search={{ [name]: value }}
      title={`Everything with ${value}`}
      className="wrap-anywhere hover:text-accent hover:underline"
    >
      {value}
    </Link>
  );
}

function Change({ change }: { change: AuditChange }) {
  return (
    <>
      <dt className="text-muted">{change.field}</dt>
      <dd className="min-w-0 wrap-anywhere">
        {change.secret ? (
          'a secret value, which is not stored here'
        ) : (
          <>
            {change.old && <del className="text-muted">{change.old}</del>}{' '}
            {change.new && <ins className="no-underline">{change.new}</ins>}
          </>
        )}
      </dd>
    </>
  );
}
