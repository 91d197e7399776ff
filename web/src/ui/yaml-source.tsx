import { memo, useEffect, useMemo, useRef } from 'react';
import { stringify } from 'yaml';
import { classNames } from './class-names';
import { CopyButton } from './copy-button';
import { highlight, type TokenKind } from './yaml-tokens';

/** Longer texts are not coloured, because that would be slow. */
const mostColoured = 4000;
/** The lines of a long text that are laid out together, when they come into view. */
const chunk = 250;
const lineHeight = 20;
/** A longer line, such as minified JSON, is cut off on the screen: laying it out would take seconds. */
const longestLine = 5000;

const looks: Record<TokenKind, string> = {
  key: 'text-accent',
  comment: 'text-muted',
  literal: 'text-done',
  text: '',
  mark: 'text-muted',
};

interface YamlSourceProps {
  label: string;
  value: unknown;
  line?: number;
}

export default function YamlSource({ label, value, line }: YamlSourceProps) {
  const text = useMemo(() => (typeof value === 'string' ? value : stringify(value, { lineWidth: 0 })), [value]);
  const lines = useMemo(() => text.trimEnd().split('\n'), [text]);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (box.current && line !== undefined) box.current.scrollTop = Math.max(0, line - 5) * lineHeight;
  }, [line]);
  const coloured = lines.length <= mostColoured;
  return (
    <figure className="relative rounded-md border" aria-label={label}>
      <div className="absolute top-1 right-4 z-10 rounded-md bg-page">
        <CopyButton text={() => text} label={`Copy ${label}`} />
      </div>
      <pre
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        className={classNames(
          'overflow-auto rounded-md py-2 pr-10 font-mono text-small leading-5',
          (!coloured || line !== undefined) && 'max-h-[80dvh]',
        )}
      >
        {coloured ? (
          lines.map((each, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity
            <Line key={index} number={index + 1} text={each} marked={index + 1 === line} />
          ))
        ) : (
          <Long lines={lines} marked={line} />
        )}
      </pre>
    </figure>
  );
}

const Line = memo(function Line({ number, text, marked }: { number: number; text: string; marked: boolean }) {
  return (
    <div className={classNames('flex', marked && 'bg-mark')}>
      <span aria-hidden className="w-12 shrink-0 pr-4 text-right text-muted select-none">
        {number}
      </span>
      <code>
        {text.length > longestLine
          ? cut(text)
          : highlight(text).map(({ kind, text: part, at }) => (
              <span key={at} className={looks[kind]}>
                {part}
              </span>
            ))}
        {'\n'}
      </code>
    </div>
  );
});

/** A long text in pieces of a few elements, of which the browser lays out those in view. All can be searched in the page. */
function Long({ lines, marked }: { lines: readonly string[]; marked: number | undefined }) {
  const width = Math.max(12 * 4, String(lines.length).length * 8 + 16);
  return Array.from({ length: Math.ceil(lines.length / chunk) }, (_, index) => {
    const from = index * chunk;
    const part = lines.slice(from, from + chunk);
    const isMarked = marked !== undefined && marked > from && marked <= from + chunk;
    return (
      <div
        key={from}
        className="relative flex"
        style={{ contentVisibility: 'auto', containIntrinsicHeight: part.length * lineHeight }}
      >
        {isMarked && (
          <span className="absolute inset-x-0 h-5 bg-mark" style={{ top: (marked - from - 1) * lineHeight }} />
        )}
        <span aria-hidden className="relative shrink-0 pr-4 text-right text-muted select-none" style={{ width }}>
          {part.map((_, line) => `${from + line + 1}\n`).join('')}
        </span>
        <code className="relative">{part.map((each) => `${cut(each)}\n`).join('')}</code>
      </div>
    );
  });
}

function cut(line: string): string {
  if (line.length <= longestLine) return line;
  return `${line.slice(0, longestLine)}… ${(line.length - longestLine).toLocaleString('en')} more characters: copy it to have them`;
}
