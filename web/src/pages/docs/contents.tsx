import { useEffect, useState } from 'react';
import type { Heading } from '@/docs/parse';
import { DocsLink } from './docs-link';

/** The height of what is above the text, in pixels. */
const top = 72;

/** The headings of a page; the one that is being read is marked. */
export function Contents({ headings }: { headings: readonly Heading[] }) {
  const current = useCurrent(headings);
  if (headings.length < 2) return null;
  return (
    <nav aria-label="On this page" className="space-y-1.5">
      <h2 className="text-small text-muted">On this page</h2>
      <ul className="border-l">
        {headings.map(({ id, title, level }) => (
          <li key={id}>
            <DocsLink
              address={`#${encodeURIComponent(id)}`}
              aria-current={id === current ? 'location' : undefined}
              className="-ml-px block border-l border-transparent py-1 pr-1 text-small text-muted hover:text-ink aria-[current]:border-accent aria-[current]:text-ink"
              style={{ paddingLeft: level === 2 ? 12 : 24 }}
            >
              {title}
            </DocsLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The heading that is at the top of the window, or the last one above it. */
function useCurrent(headings: readonly Heading[]): string | undefined {
  const [current, setCurrent] = useState<string>();
  useEffect(() => {
    const look = () => {
      const root = document.querySelector('[data-testid="article"]')?.shadowRoot;
      const above = headings.filter(({ id }) => {
        const heading = root?.getElementById(id);
        return heading && heading.getBoundingClientRect().top <= top + 1;
      });
      setCurrent(above.at(-1)?.id);
    };
    look();
    window.addEventListener('scroll', look, { passive: true });
    return () => window.removeEventListener('scroll', look);
  }, [headings]);
  return current;
}
