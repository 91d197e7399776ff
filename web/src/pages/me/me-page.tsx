import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { endMyOtherSessions, endMySession } from '@/api/browser-sessions';
import { mySessionsQuery, selfQuery, sessionQuery } from '@/api/queries';
import { expiryOf } from '@/api/session';
import type { BrowserSession, Self, Session } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { SessionRow } from '@/session/session-row';
import { Button } from '@/ui/button';
import { formatDuration, plural } from '@/ui/format';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { Tag } from '@/ui/tag';
import { RelativeTime } from '@/ui/time';
import { Roles } from './roles';

/** Who the signed-in person is here: identity, groups, roles, sessions and the token. */
export function MePage() {
  const { data: session } = useQuery(sessionQuery);
  const self = useQuery(selfQuery);
  useEffect(() => {
    document.title = 'Who I am · Portico';
  }, []);
  return (
    <div className="max-w-3xl space-y-8">
      <h1 className="text-title">Who I am</h1>
      {session && <Identity session={session} />}
      {self.error && <ErrorPanel error={self.error} doing="read who you are" onRetry={() => self.refetch()} />}
      {self.isPending && <Skeleton lines={5} />}
      {self.data && (
        <>
          <Section title="Groups">
            <Groups of={self.data} />
          </Section>
          <Section title="Roles">
            <Roles of={self.data} />
          </Section>
        </>
      )}
      <Sessions />
      {session && <Token session={session} />}
    </div>
  );
}

function Section({ title, more, children }: { title: string; more?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="space-y-2">
      <div className="flex min-h-8 items-center justify-between gap-4 border-b pb-1.5">
        <h2>{title}</h2>
        {more}
      </div>
      {children}
    </section>
  );
}

function Identity({ session: { profile, backstageIdentity } }: { session: Session }) {
  const { userEntityRef } = backstageIdentity.identity;
  return (
    <dl className="grid grid-cols-[max-content_1fr] gap-x-6 gap-y-1">
      {profile.displayName && <Fact name="Name">{profile.displayName}</Fact>}
      {profile.email && <Fact name="Email">{profile.email}</Fact>}
      <Fact name="User">
        <EntityLink entityRef={userEntityRef} />
        <code className="ml-2 font-mono text-small text-muted wrap-anywhere">{userEntityRef}</code>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

function Groups({ of: { groups } }: { of: Self }) {
  if (groups.length === 0) return <p className="text-muted">You are in no group of the catalog.</p>;
  return (
    <ul className="space-y-1">
      {groups.map(({ ref, way }) => (
        <li key={ref} className="flex flex-wrap items-center gap-x-2">
          <EntityLink entityRef={ref} />
          {way.length === 1 ? (
            <Tag>direct</Tag>
          ) : (
            <span className="text-small text-muted wrap-anywhere">through {way.slice(0, -1).join(' → ')}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const query = useQuery(mySessionsQuery);
  const reload = () => queries.invalidateQueries({ queryKey: mySessionsQuery.queryKey });
  const endOthers = useCommand(endMyOtherSessions, { onSettled: reload });
  const sessions = query.data?.sessions ?? [];
  const others = sessions.filter(({ current }) => !current);
  return (
    <Section
      title="Sessions"
      more={
        others.length > 1 && (
          <Button busy={endOthers.busy} onClick={endOthers.start}>
            End all others
          </Button>
        )
      }
    >
      {query.error && <ErrorPanel error={query.error} doing="list your sessions" onRetry={() => query.refetch()} />}
      {endOthers.error && <ErrorPanel error={endOthers.error} doing="end the other sessions" />}
      {query.isPending && <Skeleton lines={3} />}
      {query.data && <SessionList sessions={sessions} onEnded={reload} />}
    </Section>
  );
}

function SessionList({ sessions, onEnded }: { sessions: readonly BrowserSession[]; onEnded: () => unknown }) {
  if (sessions.length === 0) {
    return (
      <p className="max-w-[60ch] text-muted">
        There are none. Guests, and people whom a proxy signs in, have no session at Portico: the proxy asks for their
        credentials again.
      </p>
    );
  }
  return (
    <>
      <p role="status" className="sr-only">
        {plural(sessions.length, 'session')}
      </p>
      <ul className="divide-y">
        {sessions.map((session) => (
          <SessionRow key={session.id} session={session} end={endMySession} onEnded={onEnded} />
        ))}
      </ul>
      <p className="max-w-[60ch] text-small text-muted">
        A browser whose session is ended has to sign in again, within seconds. Is there a session that you do not know?
        End it, and change your password at the provider.
      </p>
    </>
  );
}

function Token({ session: { backstageIdentity } }: { session: Session }) {
  const until = new Date(expiryOf(backstageIdentity.token) * 1000).toISOString();
  return (
    <Section title="Token">
      <p className="max-w-[60ch]">
        This page identifies you by a token that is valid for{' '}
        {formatDuration(backstageIdentity.expiresInSeconds * 1000)}. The current one ends <RelativeTime at={until} />,
        and is replaced before.
      </p>
      <p className="text-small text-muted">
        What you may do is decided at each request.{' '}
        <Link to="/explain" className="hover:text-accent hover:underline">
          Ask why you may do something, or may not
        </Link>
        .
      </p>
    </Section>
  );
}
