import { useMemo } from 'react';
import { stringify } from 'yaml';
import { CopyButton } from './copy-button';
import { highlight, type TokenKind } from './yaml-tokens';

/** Longer texts are not coloured, because that would be slow. */
const mostColoured = 4000;

const looks: Record<TokenKind, string> = {
  key: 'text-accent',
  comment: 'text-muted',
  literal: 'text-done',
  text: '',
  mark: 'text-muted',
};

export default function YamlSource({ label, value }: { label: string; value: unknown }) {
  const text = useMemo(() => (typeof value === 'string' ? value : stringify(value, { lineWidth: 0 })), [value]);
  const lines = useMemo(() => text.trimEnd().split('\n'), [text]);
  return (
    <figure className="relative rounded-md border" aria-label={label}>
      <div className="absolute top-1 right-1 rounded-md bg-page">
        <CopyButton text={() => text} label={`Copy ${label}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0} className="overflow-auto rounded-md py-2 pr-10 font-mono text-small leading-5">
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity
          <div key={index} className="flex">
            <span aria-hidden className="w-12 shrink-0 pr-4 text-right text-muted select-none">
              {index + 1}
            </span>
            <code>
              {lines.length > mostColoured
                ? line
                : highlight(line).map(({ kind, text, at }) => (
                    <span key={at} className={looks[kind]}>
                      {text}
                    </span>
                  ))}
              {'\n'}
            </code>
          </div>
        ))}
      </pre>
    </figure>
  );
}
