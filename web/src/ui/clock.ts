import { useEffect, useState } from 'react';
import { serverNow } from '@/api/server-clock';

/**
 * The current time on the server, updated at each interval while the component is mounted; undefined stops
 * it.
 */
export function useNow(interval: number | undefined): Date {
  const [now, setNow] = useState(current);
  useEffect(() => {
    if (interval === undefined) return;
    setNow(current());
    const timer = setInterval(() => setNow(current()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}

function current(): Date {
  return new Date(serverNow());
}
