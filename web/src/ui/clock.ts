import { useEffect, useState } from 'react';

/** The current time, renewed each interval while the component is shown; undefined holds it still. */
export function useNow(interval: number | undefined): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    if (interval === undefined) return;
    setNow(new Date());
    const timer = setInterval(() => setNow(new Date()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}
