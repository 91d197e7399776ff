import MarkdownToJsx from 'markdown-to-jsx';
import { Fragment, type ReactNode, useRef } from 'react';
import { CopyButton } from './copy-button';
import { ExternalLink } from './external-link';

export default function MarkdownRenderer({ children }: { children: string }) {
  return (
    <MarkdownToJsx
      options={{
        disableParsingRawHTML: true,
        forceBlock: true,
        wrapper: Fragment,
        overrides: {
          a: ({ href = '', children: text }) => <ExternalLink href={href}>{text}</ExternalLink>,
          pre: Block,
        },
      }}
    >
      {children}
    </MarkdownToJsx>
  );
}

/** A block of code: what people copy. */
function Block({ children }: { children?: ReactNode }) {
  const block = useRef<HTMLPreElement>(null);
  return (
    <div className="relative">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre ref={block} tabIndex={0}>
        {children}
      </pre>
      <div className="absolute top-2 right-2 rounded-md bg-page">
        <CopyButton text={() => block.current?.textContent ?? ''} label="Copy the block" />
      </div>
    </div>
  );
}
