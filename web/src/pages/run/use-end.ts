import { type RefObject, useCallback, useLayoutEffect, useRef } from 'react';

interface End {
  /** For the box's onScroll: detects that the user left the end, or returned to it. */
  scrolled: () => void;
  /** Stops following the end, to scroll to another place. */
  leave: () => void;
}

/**
 * Keeps a scrolling box at its end when its contents or its height change, until the user scrolls up. `near`
 * is the distance, in pixels, that counts as the end.
 */
export function useEnd(box: RefObject<HTMLElement | null>, near: number, begins: boolean, ...sizes: unknown[]): End {
  const kept = useRef(begins);
  const before = useRef(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !kept.current) return;
    element.scrollTop = element.scrollHeight;
    // The browser sends the event with the next frame; until then, a list that renders visible rows would
    // render none.
    element.dispatchEvent(new Event('scroll'));
  }, [box, ...sizes]);

  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    // Growing content moves the end by itself; only scrolling up is the user's.
    if (scrollHeight - scrollTop - clientHeight < near) kept.current = true;
    else if (scrollTop < before.current) kept.current = false;
    before.current = scrollTop;
  };
  const leave = useCallback(() => {
    kept.current = false;
  }, []);
  return { scrolled, leave };
}
