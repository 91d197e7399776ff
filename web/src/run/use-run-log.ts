import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { openEventStream } from '@/api/client';
import { ApiError } from '@/api/errors';
import { readEvents } from '@/api/events';
import type { TaskEvent } from '@/api/types';
import { RunLog } from './log';

export type Connection = 'connecting' | 'open' | 'lost' | 'ended';

/** Waits between reconnects in milliseconds; the last one repeats. */
const backoff = [500, 1000, 2000, 5000, 15_000];
/** What a run's page waits before it asks for the run again, so that a burst of events is one request. */
const settle = 150;
/** Between two looks at a run that moves although its stream is complete: rollbacks, retries just begun. */
const betweenLooks = 1000;

/**
 * Follows a run's event stream: fills a log, resumes after the last event when the connection breaks, and has the run
 * fetched again whenever an event carries a status.
 *
 * `stoppedAt` is when the run came to rest, undefined while it moves and more is to be expected even though the stream
 * says that it is complete. A retry may fail again before anybody has seen the run move: all that tells of it is a later
 * time, and then the stream is read on.
 */
export function useRunLog(
  id: string,
  stoppedAt: string | undefined,
): { log: RunLog; connection: Connection; error: Error | undefined } {
  const queries = useQueryClient();
  const [log, setLog] = useState(() => new RunLog());
  const [followed, setFollowed] = useState(id);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [error, setError] = useState<Error>();

  if (followed !== id) {
    setFollowed(id);
    setLog(new RunLog());
  }

  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      clearTimeout(timer);
      timer = setTimeout(() => queries.invalidateQueries({ queryKey: ['run', id] }), settle);
    };
    const take = (event: TaskEvent) => {
      log.add(event);
      if (event.type !== 'log' || event.body.status) refresh();
    };
    const connected = (next: Connection) => {
      setConnection(next);
      // Asking for the run tells whether it is only the stream that broke.
      if (next === 'lost') refresh();
    };
    follow(id, log, { live: stoppedAt === undefined, take, connected, signal: leaving.signal }).then(
      () => setConnection('ended'),
      (cause: Error) => leaving.signal.aborted || setError(cause),
    );
    return () => leaving.abort();
  }, [id, stoppedAt, log, queries]);

  return { log, connection, error };
}

interface Follow {
  live: boolean;
  take: (event: TaskEvent) => void;
  connected: (connection: Connection) => void;
  signal: AbortSignal;
}

async function follow(id: string, log: RunLog, { live, take, connected, signal }: Follow): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      const response = await openEventStream(id, log.lastId, signal);
      connected('open');
      failures = 0;
      const complete = await drain(response, take);
      if (complete && !live) return;
      await pause(betweenLooks, signal);
    } catch (error) {
      if (signal.aborted || (error instanceof ApiError && error.status < 500)) throw error;
      connected('lost');
      await pause(backoff[Math.min(failures, backoff.length - 1)] ?? 0, signal);
      failures += 1;
    }
  }
}

/** Reads a stream to its end; tells whether the run said that it is complete. */
async function drain(response: Response, take: (event: TaskEvent) => void): Promise<boolean> {
  let complete = false;
  if (!response.body) return complete;
  for await (const event of readEvents(response.body)) {
    take(event);
    if (event.type === 'recovered') complete = false;
    if (event.type === 'completion') complete = true;
  }
  return complete;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
