import { Markdown } from '@/ui/markdown';

/** Longer descriptions are cut off: they are rendered while the page waits. */
const longest = 20_000;

/** A description from a definition. Markup in it is shown, and does nothing. */
export function Description({ children }: { children: string }) {
  if (children.length <= longest) return <Markdown>{children}</Markdown>;
  return (
    <>
      <Markdown>{children.slice(0, longest)}</Markdown>
      <p className="text-small text-muted">It goes on in the text as it is written.</p>
    </>
  );
}
