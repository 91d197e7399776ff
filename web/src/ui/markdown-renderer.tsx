import MarkdownToJsx from 'markdown-to-jsx';
import { Fragment, type ReactNode, useRef, useState } from 'react';
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
          img: Image,
          a: ({ href = '', children: text }) => <ExternalLink href={href}>{text}</ExternalLink>,
          pre: Block,
        },
      }}
    >
      {children}
    </MarkdownToJsx>
  );
}

/**
 * An image, or a link to it when the browser could not load it. The content security policy permits images
 * only from the portal and from configured hosts, so that reading a text does not inform other servers.
 */
function Image({ src = '', alt = '' }: { src?: string; alt?: string }) {
  const [missing, setMissing] = useState(false);
  if (missing) return <ExternalLink href={src}>{alt || src}</ExternalLink>;
  return <img src={src} alt={alt} loading="lazy" referrerPolicy="no-referrer" onError={() => setMissing(true)} />;
}

/** A block of code with a copy button. */
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
