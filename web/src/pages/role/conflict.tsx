import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '@/api/errors';
import { roleQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { shortName } from '@/policy/role';
import { Button } from '@/ui/button';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { ChangesList } from './changes-list';
import { changesBetween, type Draft, draftOf } from './draft';

interface ConflictProps {
  /** The role as it was when the person began to edit it. */
  base: WholeRole;
  mine: Draft;
  onMerge: (theirs: WholeRole) => void;
}

/** Somebody else has changed the role meanwhile: what they did, what this person did, and how to go on. */
export function Conflict({ base, mine, onMerge }: ConflictProps) {
  const name = shortName(base.name);
  // What was read before is the role that they have changed.
  const query = useQuery({ ...roleQuery(name), refetchOnMount: 'always', retry: false });
  const { data: theirs, error, refetch, isFetchedAfterMount } = query;
  if (!isFetchedAfterMount) return <Skeleton />;
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Panel title={`${name} was deleted, or got another name, while you were editing it.`}>
        <p className="text-muted">
          Nothing of yours was saved. To have it again,{' '}
          <Link to="/roles/new" className="text-accent underline">
            create a role
          </Link>
          . The <AuditLog of={base} /> says who did it.
        </p>
      </Panel>
    );
  }
  if (error) return <ErrorPanel error={error} doing="read the role again" onRetry={() => refetch()} />;
  if (!theirs) return <Skeleton />;
  if (theirs.version === base.version) return <NameTaken name={mine.name} />;
  const before = draftOf(base);
  return (
    <Panel
      title={`${name} was changed while you were editing it. Nothing of yours was saved, and nothing of it is lost.`}
    >
      <div className="grid gap-x-8 gap-y-3 md:grid-cols-2">
        <section aria-label="Their changes">
          <h2 className="border-b pb-1">
            Saved meanwhile (<AuditLog of={base} />)
          </h2>
          <ChangesList label="Their changes" changes={changesBetween(before, draftOf(theirs))} />
        </section>
        <section aria-label="Your changes">
          <h2 className="border-b pb-1">Yours, not saved yet</h2>
          <ChangesList label="Your changes" changes={changesBetween(before, mine)} />
        </section>
      </div>
      <Button tone="primary" onClick={() => onMerge(theirs)}>
        Make my changes on theirs
      </Button>
      <p className="text-small text-muted">
        Where both changed the same thing, yours counts. You review it again before it is saved.
      </p>
    </Panel>
  );
}

/** Another role has the name that somebody has given to theirs. */
export function NameTaken({ name }: { name: string }) {
  return (
    <p role="alert" className="rounded-md border p-4">
      There is already a role {name}: go back, and give yours another name. Nothing of it is lost.
    </p>
  );
}

function AuditLog({ of }: { of: WholeRole }) {
  return (
    <Link to="/audit" search={{ resource: of.name }} className="text-accent underline">
      audit log
    </Link>
  );
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div role="alert" className="flex gap-3 rounded-md border p-4">
      <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 grow space-y-3">
        <p className="font-medium">{title}</p>
        {children}
      </div>
    </div>
  );
}
