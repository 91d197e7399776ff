import { useQueryClient } from '@tanstack/react-query';
import { resolveConflict } from '@/api/catalog';
import type { Conflict } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { Button } from '@/ui/button';
import { ErrorPanel } from '@/ui/states';
import { RelativeTime } from '@/ui/time';

/** An entity that two locations claim, with both and what to do. */
export function ConflictItem({ conflict }: { conflict: Conflict }) {
  const { entityRef, holder, claimant, firstSeenAt, next, configuration } = conflict;
  const queries = useQueryClient();
  const { start, busy, error } = useCommand(() => resolveConflict(entityRef, claimant), {
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <li className="space-y-1 py-3">
      <p>
        <EntityLink entityRef={entityRef} className="font-medium" /> is claimed twice, since{' '}
        <RelativeTime at={firstSeenAt} />.
      </p>
      <dl className="grid grid-cols-[max-content_1fr] gap-x-4 text-small">
        <dt className="text-muted">It is from</dt>
        <dd className="wrap-anywhere">{holder}</dd>
        <dt className="text-muted">Claimed by</dt>
        <dd className="wrap-anywhere">{claimant}</dd>
      </dl>
      <p className="text-small text-muted">{next}.</p>
      {configuration && <Lines>{configuration}</Lines>}
      <Button disabled={busy} onClick={start} title={`${entityRef} will be read from ${claimant}`}>
        Give it to the other location
      </Button>
      {error && <ErrorPanel error={error} doing={`give ${entityRef} to the other location`} onRetry={start} />}
    </li>
  );
}

/** Lines of a configuration, to be copied. */
export function Lines({ children }: { children: string }) {
  return <pre className="w-fit rounded border px-2 py-1 font-mono text-small">{children}</pre>;
}
