import { useEffect, useState } from 'react';
import type { ReadableType, Reading } from './model';

/** Longer definitions are shown as text only. */
export const longest = 20_000_000;
const patience = 30_000;

/** A definition, read by a worker; undefined while that goes on. */
export function useReading(type: ReadableType, source: string): Reading | undefined {
  const [reading, setReading] = useState<Reading>();
  useEffect(() => {
    setReading(undefined);
    if (source.length > longest) {
      setReading({ failure: { message: `It is longer than ${longest / 1e6} million characters.` } });
      return;
    }
    const worker = new Worker(new URL('./read-worker.ts', import.meta.url), { type: 'module' });
    const fail = (message: string) => {
      worker.terminate();
      setReading({ failure: { message } });
    };
    const timer = setTimeout(() => fail(`Reading it takes longer than ${patience / 1000} s.`), patience);
    worker.onmessage = ({ data }: MessageEvent<Reading>) => {
      clearTimeout(timer);
      setReading(data);
    };
    worker.onerror = ({ message }) => {
      clearTimeout(timer);
      fail(message || 'What reads it could not be loaded.');
    };
    worker.postMessage({ type, source });
    return () => {
      clearTimeout(timer);
      worker.terminate();
    };
  }, [type, source]);
  return reading;
}
