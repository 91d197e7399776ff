import MarkdownToJsx from 'markdown-to-jsx';
import { ExternalLink } from './external-link';

export default function MarkdownRenderer({ children }: { children: string }) {
  return (
    <MarkdownToJsx
      options={{
        disableParsingRawHTML: true,
        forceBlock: true,
        overrides: { a: ({ href = '', children: text }) => <ExternalLink href={href}>{text}</ExternalLink> },
      }}
    >
      {children}
    </MarkdownToJsx>
  );
}
