import { type RefObject, useCallback, useLayoutEffect, useRef } from 'react';

interface End {
  /** For the box's onScroll: notices that the reader left the end, or came back to it. */
  scrolled: () => void;
  /** Lets go of the end, for going to a place in the middle. */
  leave: () => void;
}

/**
 * Keeps a box that scrolls at its end while it is there, whatever its contents and its own height do, and leaves it
 * alone when the reader goes up. `near` is how close to the end counts as there, in pixels.
 */
export function useEnd(box: RefObject<HTMLElement | null>, near: number, begins: boolean, ...sizes: unknown[]): End {
  const kept = useRef(begins);
  const before = useRef(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !kept.current) return;
    element.scrollTop = element.scrollHeight;
    // The browser tells only with the next frame, and until then a list that draws what is in view would draw nothing.
    element.dispatchEvent(new Event('scroll'));
  }, [box, ...sizes]);

  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    // What grows leaves the end behind by itself; only going up is the reader's.
    if (scrollHeight - scrollTop - clientHeight < near) kept.current = true;
    else if (scrollTop < before.current) kept.current = false;
    before.current = scrollTop;
  };
  const leave = useCallback(() => {
    kept.current = false;
  }, []);
  return { scrolled, leave };
}
