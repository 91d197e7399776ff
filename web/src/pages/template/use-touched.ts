import { useCallback, useEffect, useRef, useState } from 'react';

/**
 * The ids of the fields that were touched. A field that is left by pressing a mouse button counts as touched only when
 * the button is released and what it was pressed on has had its click: the message that then appears may move the page.
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
      // The click comes in the same turn as the release.
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
