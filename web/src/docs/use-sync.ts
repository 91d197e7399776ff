import { useEffect, useReducer } from 'react';
import { syncDocs } from '@/api/docs';
import { readNamedEvents, type ServerEvent } from '@/api/events';
import { stripAnsi } from '@/run/ansi';
import { triplet } from './queries';
import type { Site } from './site';

/** What is known of the build that the opening of a site may begin. */
export interface Sync {
  state: 'checking' | 'building' | 'updated' | 'current' | 'failed';
  log: readonly string[];
  /** Why the build failed. */
  error: string | undefined;
}

const mostLines = 2000;
const start: Sync = { state: 'checking', log: [], error: undefined };

/** Asks once whether the source of a site has changed, and follows the build that then begins. */
export function useSync(site: Site, attempt: number): Sync {
  const [sync, take] = useReducer(reduce, start);
  const path = triplet(site);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a further attempt asks again
  useEffect(() => {
    const leaving = new AbortController();
    take({ event: 'start', data: undefined });
    follow(path, leaving.signal, take).catch((error: unknown) => {
      if (leaving.signal.aborted) return;
      take({ event: 'error', data: error instanceof Error ? error.message : String(error) });
    });
    return () => leaving.abort();
  }, [path, attempt]);
  return sync;
}

async function follow(path: string, signal: AbortSignal, take: (event: ServerEvent) => void): Promise<void> {
  const body = await syncDocs(path, signal);
  if (!body) return;
  for await (const event of readNamedEvents(body)) if (!signal.aborted) take(event);
}

export function reduce(sync: Sync, { event, data }: ServerEvent): Sync {
  switch (event) {
    case 'start':
      return start;
    case 'log':
      return { ...sync, state: 'building', log: [...sync.log, stripAnsi(String(data))].slice(-mostLines) };
    case 'error':
      return { ...sync, state: 'failed', error: stripAnsi(String(data)) };
    case 'finish':
      return { ...sync, state: isUpdated(data) ? 'updated' : 'current' };
    default:
      return sync;
  }
}

function isUpdated(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'updated' in data && data.updated === true;
}
