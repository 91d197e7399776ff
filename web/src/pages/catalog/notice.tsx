import { useLocation } from '@tanstack/react-router';
import { CircleCheck } from 'lucide-react';

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** What has just been done elsewhere. It belongs to one entry of the history, and goes with the next click. */
    notice?: string;
  }
}

const focus = (shown: HTMLElement | null) => shown?.focus({ preventScroll: true });

/** What has just been done to the catalog. It gets the focus, because the button that did it is gone. */
export function Notice() {
  const notice = useLocation({ select: ({ state }) => state.notice });
  if (!notice) return null;
  return (
    <p role="status" tabIndex={-1} ref={focus} className="flex gap-2 rounded-md border p-3">
      <CircleCheck size={16} aria-hidden className="mt-0.5 shrink-0 text-done" />
      <span className="min-w-0 wrap-anywhere">{notice}</span>
    </p>
  );
}
