import type { ReactNode } from 'react';

const focus = (heading: HTMLElement | null) => heading?.focus({ preventScroll: true });

/** The heading of a result. It gets the focus, so that a screen reader goes on there. */
export function ResultHeading({ children }: { children: ReactNode }) {
  return (
    <h2 tabIndex={-1} ref={focus} className="font-medium outline-none">
      {children}
    </h2>
  );
}
