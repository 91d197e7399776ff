import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleAlert, LoaderCircle } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { fetchAncestry, refreshEntity } from '@/api/catalog';
import { ApiError } from '@/api/errors';
import { ancestryQuery } from '@/api/queries';
import type { Ancestry } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { ErrorPanel } from '@/ui/states';
import { type Asked, errorsIn, type Outcome, outcomeOf, patience } from './refresh-outcome';

const lookEvery = 1000;

/** Asks the catalog to read an entity again. */
export function useRefresh(entityRef: string) {
  const [asked, setAsked] = useState<Asked>();
  const command = useCommand(
    async () => {
      // What the page shows may be older than the last change.
      const before = await fetchAncestry(entityRef);
      await refreshEntity(entityRef);
      return { before, at: Date.now() };
    },
    { onSuccess: setAsked },
  );
  return { ...command, asked };
}

interface RefreshProps {
  entityRef: string;
  refresh: ReturnType<typeof useRefresh>;
}

/** What has come of a refresh so far. */
export function RefreshProgress({ entityRef, refresh: { busy, error, asked, start } }: RefreshProps) {
  if (error) return <ErrorPanel error={error} doing="ask the catalog to read it again" onRetry={start} />;
  if (busy) return <UnderWay>Asking the catalog to read it again.</UnderWay>;
  return asked ? <Watched key={asked.at} entityRef={entityRef} asked={asked} /> : null;
}

function UnderWay({ children }: { children: ReactNode }) {
  return (
    <p className="flex items-center gap-1.5 text-muted">
      <LoaderCircle size={16} aria-hidden className="turning shrink-0" />
      {children}
    </p>
  );
}

const words: Record<Exclude<Outcome, 'waiting'>, string> = {
  changed: 'It was read again, and has changed.',
  changedAbove: 'A location above it was read again, and has changed. This entity is as it was.',
  unchanged: `The catalog was asked to read it again. Nothing has changed within ${patience / 1000} s: either its source is as it was, or it is still to be read. The catalog does not say which.`,
};

function Watched({ entityRef, asked }: { entityRef: string; asked: Asked }) {
  const queries = useQueryClient();
  const { data, dataUpdatedAt, error, refetch } = useQuery({
    ...ancestryQuery(entityRef, asked.at),
    refetchInterval: ({ state }) =>
      state.error === null && outcomeOf(asked, state.data, state.dataUpdatedAt) === 'waiting' ? lookEvery : false,
    // The outcome is what came of this refresh, and not of later changes.
    refetchOnWindowFocus: false,
  });
  const outcome = outcomeOf(asked, data, dataUpdatedAt);
  useEffect(() => {
    if (outcome !== 'waiting') queries.invalidateQueries({ queryKey: ['entity'] });
  }, [queries, outcome]);

  if (error instanceof ApiError && error.status === 404) {
    return <p>It was read again, and is no longer in the catalog: its source no longer has it.</p>;
  }
  if (error) return <ErrorPanel error={error} doing="see what came of it" onRetry={() => refetch()} />;
  if (!data || outcome === 'waiting') {
    return <UnderWay>The catalog was asked to read it again. Waiting for a change.</UnderWay>;
  }
  return (
    <div className="space-y-1">
      <p>{words[outcome]}</p>
      <Errors of={data} />
    </div>
  );
}

/** The errors after the refresh, also those of the locations above: what cannot be read there does not come down. */
function Errors({ of }: { of: Ancestry }) {
  const found = errorsIn(of);
  if (found.length === 0) return <p className="text-muted">The catalog has no errors for it.</p>;
  return (
    <ul className="space-y-1">
      {found.flatMap(({ entityRef, errors }) =>
        errors.map(({ message }) => (
          <li key={`${entityRef} ${message}`} className="flex gap-2">
            <CircleAlert size={16} aria-label="error" className="mt-0.5 shrink-0 text-failed" />
            <p className="min-w-0 wrap-anywhere">
              {entityRef !== of.rootEntityRef && (
                <>
                  <EntityLink entityRef={entityRef} className="align-bottom" />:{' '}
                </>
              )}
              {message}
            </p>
          </li>
        )),
      )}
    </ul>
  );
}
