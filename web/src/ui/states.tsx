import { Link } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError, nextMove } from '@/api/errors';
import { Button } from './button';
import { CopyButton } from './copy-button';
import { isUnreachable } from './unreachable';

/** What went wrong, why, what to do next, and an id to quote. */
export function ErrorPanel({ error, doing, onRetry }: { error: Error; doing: string; onRetry?: () => void }) {
  const { id, missing } = error instanceof ApiError ? error : { id: undefined, missing: undefined };
  return (
    <div role="alert" className="flex gap-3 rounded-md border p-4">
      <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 space-y-1">
        <p className="font-medium">Could not {doing}</p>
        <p className="wrap-anywhere">{isUnreachable(error) ? 'Portico does not answer.' : error.message}</p>
        <p className="text-muted">{nextMove(error)}</p>
        {missing && (
          <p>
            <Link to="/explain" search={missing} className="hover:text-accent hover:underline">
              Why, and whom to ask
            </Link>
          </p>
        )}
        {id && (
          <p className="flex items-center gap-1 text-small text-muted">
            Id <code className="font-mono">{id}</code>
            <CopyButton text={() => id} label="Copy the id" />
          </p>
        )}
        {onRetry && (
          <Button className="mt-2" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** An empty state that explains what to do first. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="py-6 text-muted">
      <p className="font-medium text-ink">{title}</p>
      {children && <div className="mt-1 max-w-[60ch] space-y-2">{children}</div>}
    </div>
  );
}

export function Command({ children }: { children: string }) {
  return (
    <span className="flex w-fit max-w-full items-center gap-1 rounded-md border bg-rail pl-3">
      <code className="overflow-x-auto py-1 font-mono text-small whitespace-nowrap text-ink">{children}</code>
      <CopyButton text={() => children} label="Copy the command" />
    </span>
  );
}

/** Grey lines as placeholders of text. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" className="space-y-3 py-2">
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike and never move
        <div key={line} className="skeleton h-4" style={{ width: `${90 - ((line * 23) % 50)}%` }} />
      ))}
    </div>
  );
}
