import { useCallback, useEffect, useRef, useState } from 'react';

/**
 * The ids of the touched fields. A field that loses the focus to a mouse button counts as touched only after
 * the click, because its message may move the page.
 */
export function useTouched(): [touched: ReadonlySet<string>, touch: (id: string) => void] {
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const pressed = useRef(false);
  const waiting = useRef<string[]>([]);

  const add = useCallback((ids: readonly string[]) => {
    setTouched((before) => (ids.every((id) => before.has(id)) ? before : new Set([...before, ...ids])));
  }, []);
  const touch = useCallback(
    (id: string) => {
      if (pressed.current) waiting.current.push(id);
      else add([id]);
    },
    [add],
  );

  useEffect(() => {
    const leaving = new AbortController();
    const listen = (event: string, listener: () => void) =>
      window.addEventListener(event, listener, { capture: true, signal: leaving.signal });
    const release = () => {
      pressed.current = false;
      // The click event follows in the same task as the release.
      setTimeout(() => add(waiting.current.splice(0)));
    };
    listen('pointerdown', () => {
      pressed.current = true;
    });
    listen('pointerup', release);
    listen('pointercancel', release);
    return () => leaving.abort();
  }, [add]);
  return [touched, touch];
}
