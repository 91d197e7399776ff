import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useId, useState } from 'react';
import { endSession, endSessionsOf } from '@/api/browser-sessions';
import { ApiError } from '@/api/errors';
import { sessionsQuery } from '@/api/queries';
import type { BrowserSession } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { SessionRow } from '@/session/session-row';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { Input } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tag } from '@/ui/tag';

const route = getRouteApi('/sessions');

/** The browsers that are signed in, of everybody or of one person. */
export function SessionsPage() {
  const { user } = route.useSearch();
  const queries = useQueryClient();
  const query = useInfiniteQuery(sessionsQuery({ ...(user && { user }) }));
  const sessions = query.data?.pages.flatMap((page) => page.sessions) ?? [];
  const reload = () => queries.invalidateQueries({ queryKey: ['sessions'] });
  useEffect(() => {
    document.title = 'Sessions · Portico';
  }, []);

  if (query.error instanceof ApiError && query.error.status === 403) return <Refused error={query.error} />;
  return (
    <div className="max-w-3xl space-y-4">
      <h1 className="text-title">Sessions</h1>
      <Filter key={user} user={user} />
      {query.error && <ErrorPanel error={query.error} doing="list the sessions" onRetry={() => query.refetch()} />}
      {query.isPending && <Skeleton lines={5} />}
      {query.data && sessions.length === 0 && (
        <Empty title={user ? `${user} is not signed in anywhere.` : 'Nobody is signed in with a session.'}>
          <p>Guests, and people whom a proxy signs in, have none.</p>
        </Empty>
      )}
      {user && sessions.length > 0 && <EndAll user={user} onEnded={reload} />}
      {sessions.length > 0 && (
        <ul aria-label="Sessions" className="divide-y">
          {sessions.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              user={<Owner of={session} />}
              end={endSession}
              onEnded={reload}
            />
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

function Refused({ error }: { error: ApiError }) {
  return (
    <div className="max-w-3xl space-y-4">
      <h1 className="text-title">Sessions</h1>
      <ErrorPanel error={error} doing="list the sessions of everybody" />
      <p>
        <Link to="/me" className="hover:text-accent hover:underline">
          Your own sessions
        </Link>
      </p>
    </div>
  );
}

function Owner({ of: { user, inCatalog } }: { of: BrowserSession }) {
  return (
    <>
      <Link to="/sessions" search={{ user }} className="wrap-anywhere hover:text-accent hover:underline">
        {user}
      </Link>
      {!inCatalog && <Tag>not in the catalog</Tag>}
    </>
  );
}

function Filter({ user }: { user: string | undefined }) {
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(user ?? '');
  const id = useId();
  return (
    <search>
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          navigate({ search: typed.trim() ? { user: typed.trim() } : {} });
        }}
      >
        <div className="min-w-60 space-y-1">
          <label htmlFor={id} className="text-small text-muted">
            User
          </label>
          <Input
            id={id}
            value={typed}
            placeholder="user:default/ada"
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
        <Button type="submit">Show</Button>
        {user && (
          <Link to="/sessions" search={{}} className="py-1.5 text-muted hover:text-ink hover:underline">
            Everybody
          </Link>
        )}
      </form>
    </search>
  );
}

function EndAll({ user, onEnded }: { user: string; onEnded: () => unknown }) {
  const [asked, setAsked] = useState(false);
  const ending = useCommand(() => endSessionsOf(user), { onSettled: onEnded });
  return (
    <div className="space-y-2">
      <Button tone="danger" busy={ending.busy} onClick={() => setAsked(true)}>
        End all sessions of this user
      </Button>
      {ending.error && <ErrorPanel error={ending.error} doing="end the sessions" />}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title={`End all sessions of ${user}?`}
        confirm="End them"
        onConfirm={ending.start}
      >
        Each browser has to sign in again. That alone keeps nobody out: to do that, remove the person at the provider or
        from the catalog.
      </Confirm>
    </div>
  );
}
