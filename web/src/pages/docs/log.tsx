import { useEffect, useRef } from 'react';

/** What a build says, at its end. */
export function Log({ lines }: { lines: readonly string[] }) {
  const box = useRef<HTMLPreElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is scrolled to
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) return null;
  return (
    <pre
      ref={box}
      role="log"
      aria-label="Log of the build"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by the keyboard
      tabIndex={0}
      className="max-h-80 overflow-auto rounded-md border bg-rail p-3 font-mono text-small whitespace-pre-wrap wrap-anywhere"
    >
      {lines.join('\n')}
    </pre>
  );
}
