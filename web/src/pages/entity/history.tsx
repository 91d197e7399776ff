import { useInfiniteQuery } from '@tanstack/react-query';
import { historyQuery } from '@/api/queries';
import type { Difference, EntityChange } from '@/api/types';
import { Button } from '@/ui/button';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';
import { causeText, pathText, valueText } from './cause';

const actions: Record<EntityChange['action'], string> = {
  created: 'Created',
  changed: 'Changed',
  removed: 'Removed',
  recorded: 'First recorded',
};

/** The changes of an entity, the newest first. */
export function History({ entityRef }: { entityRef: string }) {
  const query = useInfiniteQuery(historyQuery(entityRef));
  const changes = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.error) return <ErrorPanel error={query.error} doing="list the changes" onRetry={() => query.refetch()} />;
  if (query.isPending) return <Skeleton lines={6} />;
  if (changes.length === 0) return <Empty title="No change is kept." />;
  return (
    <div className="space-y-4">
      <ol aria-label="Changes" className="divide-y">
        {changes.map((change) => (
          <Change key={`${change.uid} ${change.version} ${change.action}`} change={change} />
        ))}
      </ol>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Change({ change }: { change: EntityChange }) {
  const { action, at, cause, changes, moreChanges } = change;
  return (
    <li className="space-y-2 py-3">
      <h2 className="flex flex-wrap items-baseline gap-x-2 font-normal">
        <span className="font-medium">{actions[action]}</span>
        <RelativeTime at={at} />
        <span className="text-muted wrap-anywhere">{causeText(cause)}</span>
      </h2>
      {changes && changes.length > 0 && (
        <ul aria-label="What differs" className="space-y-2">
          {changes.map((difference) => (
            <Differs key={`${difference.op} ${difference.path}`} difference={difference} />
          ))}
        </ul>
      )}
      {moreChanges && <p className="text-small text-muted">More than these differ.</p>}
      {action === 'changed' && !changes && (
        <p className="text-small text-muted">The version before is not kept any more.</p>
      )}
    </li>
  );
}

function Differs({ difference: { op, path, before, after } }: { difference: Difference }) {
  return (
    <li>
      <p className="font-mono text-small wrap-anywhere">{pathText(path)}</p>
      {op !== 'add' && <Value sign="−" label="before" look="text-failed" value={before} />}
      {op !== 'remove' && <Value sign="+" label="after" look="text-done" value={after} />}
    </li>
  );
}

/** A value with its sign: colour alone would tell nobody who does not see it. */
function Value({ sign, label, look, value }: { sign: string; label: string; look: string; value: unknown }) {
  return (
    <div className="flex gap-2 pl-3 font-mono text-small">
      <span aria-hidden className={look}>
        {sign}
      </span>
      <span className="sr-only">{label}: </span>
      <span className="min-w-0 whitespace-pre-wrap wrap-anywhere">{valueText(value)}</span>
    </div>
  );
}
