import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError } from '@/api/errors';
import { readEvents } from '@/api/events';
import { openEventStream } from '@/api/runs';
import type { TaskEvent } from '@/api/types';
import { RunLog } from './log';

export type Connection = 'connecting' | 'open' | 'lost' | 'ended';

/** Waits between reconnects in milliseconds; the last one repeats. */
const backoff = [500, 1000, 2000, 5000, 15_000];
/** The delay before the run is requested again, so that a burst of events causes one request. */
const settle = 150;
/**
 * The interval of requests for a run in progress whose stream is complete: during rollbacks and new retries.
 */
const betweenLooks = 1000;

/**
 * Follows a run's event stream: fills a log, resumes after the last event when the connection breaks, and
 * requests the run again whenever an event has a status.
 *
 * `stoppedAt` is when the run ended or was parked. It is undefined while the run is in progress: then more
 * events are expected even if the stream says that it is complete. A retry can fail again before the run was
 * seen in progress. Then `stoppedAt` changes to a later time, and the stream is read on.
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
      // Requesting the run shows whether only the stream is broken.
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

/** Reads a stream to its end; returns whether the run is complete. */
async function drain(response: Response, take: (event: TaskEvent) => void): Promise<boolean> {
  let complete = false;
  if (!response.body) return complete;
  for await (const event of readEvents<TaskEvent>(response.body)) {
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
