import { type Query, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { CloudOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { isUnreachable } from '@/ui/unreachable';

const betweenProbes = 3000;

/** Shows that the server does not answer and the page may be outdated, until the server answers again. */
export function Reachability() {
  const queries = useQueryClient();
  const [away, setAway] = useState(false);
  useEffect(() => watch(queries, setAway), [queries]);
  useEffect(() => {
    if (!away) return;
    const leaving = new AbortController();
    let wasAway = false;
    const timer = setInterval(async () => {
      if (!(await answers(leaving.signal))) {
        wasAway = true;
        return;
      }
      setAway(false);
      // Where only some requests get no response, asking again would hide their errors each time.
      if (wasAway) queries.invalidateQueries();
    }, betweenProbes);
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [away, queries]);
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-16 z-30 flex justify-center px-4 sm:bottom-4 print:hidden"
    >
      {away && (
        <p className="flex items-center gap-2 rounded-lg border bg-raised px-3 py-2 shadow-float">
          <CloudOff size={16} aria-hidden className="shrink-0 text-waiting" />
          Portico does not answer. What you see may be old; trying again …
        </p>
      )}
    </div>
  );
}

/** Reports for each request whether there was a response. */
function watch(queries: QueryClient, tell: (away: boolean) => void): () => void {
  return queries.getQueryCache().subscribe((event) => {
    if (event.type !== 'updated') return;
    if (event.action.type === 'success') tell(false);
    else if (event.action.type === 'failed' || event.action.type === 'error') tell(isAway(event.query));
  });
}

function isAway({ state }: Query): boolean {
  const error = state.fetchFailureReason;
  return error instanceof Error && isUnreachable(error);
}

async function answers(signal: AbortSignal): Promise<boolean> {
  try {
    return (await fetch('/.backstage/health/v1/liveness', { signal })).ok;
  } catch {
    return false;
  }
}
