import type { ReactNode } from 'react';

export function Tag({ children }: { children: ReactNode }) {
  return (
    <span className="inline-block max-w-full rounded border px-1.5 text-small break-words text-muted">{children}</span>
  );
}

export function Key({ children }: { children: ReactNode }) {
  return (
    <kbd className="inline-block min-w-5 rounded border bg-page px-1 text-center font-sans text-small text-muted">
      {children}
    </kbd>
  );
}
