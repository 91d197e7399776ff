import { lazy, Suspense } from 'react';

const Renderer = lazy(() => import('./markdown-renderer'));

/**
 * Markdown from data: no raw HTML, no addresses that run code. Until the renderer is here the source is shown as it
 * is.
 */
export function Markdown({ children }: { children: string }) {
  return (
    <div className="prose max-w-[70ch]">
      <Suspense fallback={<p className="whitespace-pre-wrap">{children}</p>}>
        <Renderer>{children}</Renderer>
      </Suspense>
    </div>
  );
}
