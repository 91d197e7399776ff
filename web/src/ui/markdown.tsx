import { lazy, Suspense } from 'react';

const Renderer = lazy(() => import('./markdown-renderer'));

/**
 * Markdown from data: no raw HTML, no URLs that run code. Until the renderer is loaded, the source is shown.
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
