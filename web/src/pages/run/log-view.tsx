import { getRouteApi } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp, WrapText } from 'lucide-react';
import { type MouseEvent, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { type Colour, parseAnsi } from '@/run/ansi';
import type { LogLine } from '@/run/log';
import type { Connection } from '@/run/use-run-log';
import { IconButton } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { CopyButton } from '@/ui/copy-button';
import { formatAbsolute, formatDuration } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { Marked } from '@/ui/marked';
import { matchingLines, readLines } from './log-search';
import { useEnd } from './use-end';

const route = getRouteApi('/runs/$id');
const wrapKey = 'portico.wrap';
const lineHeight = 20;
/** The minimum height of a log. */
const leastHeight = 8 * lineHeight;
/** The distance from its end, in pixels, within which a growing log is kept at its end. */
const atEnd = 2 * lineHeight;

interface LogViewProps {
  lines: readonly LogLine[];
  connection: Connection;
  name: string;
}

/** A log of any length: live, searchable, copyable, with a link for each line. */
export function LogView({ lines, connection, name }: LogViewProps) {
  const { line: chosen, find = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const [wrap, setWrap] = useState(() => localStorage.getItem(wrapKey) !== 'off');
  const [current, setCurrent] = useState(0);
  const term = useDeferredValue(find);
  const found = useMemo(() => matchingLines(lines, term), [lines, term]);
  const match = found[current % Math.max(1, found.length)];

  const search = (text: string) => {
    setCurrent(0);
    navigate({
      search: ({ find: _, ...rest }) => ({ ...rest, ...(text && { find: text }) }),
      replace: true,
      resetScroll: false,
    });
  };
  const toggleWrap = () => {
    localStorage.setItem(wrapKey, wrap ? 'off' : 'on');
    setWrap(!wrap);
  };
  const step = (by: number) => setCurrent((at) => (at + by + found.length) % Math.max(1, found.length));
  const choose = (event: MouseEvent, number: number) => {
    event.preventDefault();
    const start = event.shiftKey ? readLines(chosen)?.first : undefined;
    const line = start === undefined || start === number ? String(number) : `${start}-${number}`;
    navigate({ search: (search) => ({ ...search, line }), replace: true, resetScroll: false });
  };

  return (
    <div className="flex min-h-0 flex-col">
      {/* The last button reaches beyond its place: without room for that the pane would scroll sideways, for ever. */}
      <div className="flex flex-wrap items-center gap-1 pr-1.5 pb-2">
        <SearchInput
          label="Find in the log"
          value={find}
          onChange={search}
          onKeyDown={(event) => {
            if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
          }}
          className="min-w-36 grow basis-36 sm:max-w-64"
        />
        {term && (
          <>
            <span role="status" className="px-1 text-small whitespace-nowrap text-muted">
              {found.length === 0 ? 'none' : `${(current % found.length) + 1} of ${found.length}`}
            </span>
            <IconButton icon={ArrowUp} label="Previous match" disabled={found.length === 0} onClick={() => step(-1)} />
            <IconButton icon={ArrowDown} label="Next match" disabled={found.length === 0} onClick={() => step(1)} />
          </>
        )}
        <span className="grow" />
        <span role="status" className="px-1 text-small whitespace-nowrap text-muted">
          {connectionWords[connection]}
        </span>
        <IconButton icon={WrapText} label="Wrap long lines" aria-pressed={wrap} onClick={toggleWrap} />
        <CopyButton text={() => lines.map((line) => line.text).join('\n')} label="Copy the log" />
      </div>
      <Lines
        key={wrap ? 'wrapped' : 'straight'}
        lines={lines}
        name={name}
        wrap={wrap}
        term={term}
        match={match}
        chosen={readLines(chosen)}
        onChoose={choose}
        waiting={connection !== 'ended'}
      />
    </div>
  );
}

const connectionWords: Record<Connection, string> = {
  connecting: '',
  open: 'live',
  lost: 'connection lost, trying again …',
  ended: '',
};

interface LinesProps {
  lines: readonly LogLine[];
  name: string;
  wrap: boolean;
  term: string;
  match: number | undefined;
  chosen: { first: number; last: number } | undefined;
  onChoose: (event: MouseEvent, number: number) => void;
  waiting: boolean;
}

function Lines({ lines, name, wrap, term, match, chosen, onChoose, waiting }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const reached = useRef(false);
  const first = lines[0];
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => lineHeight,
    overscan: 20,
    getItemKey: (index) => lines[index]?.key ?? index,
    // The box is scrolled to its end during rendering, see useEnd, when React cannot render again at once.
    useFlushSync: false,
  });

  const { scrolled, leave } = useEnd(
    box,
    atEnd,
    chosen === undefined,
    virtualizer.getTotalSize(),
    virtualizer.scrollRect?.height,
  );

  useEffect(() => {
    if (match === undefined) return;
    leave();
    virtualizer.scrollToIndex(match, { align: 'center' });
  }, [match, virtualizer, leave]);

  // A linked line is scrolled into view once, when it has arrived.
  const linked = chosen?.first;
  const arrived = linked !== undefined && linked <= lines.length;
  useEffect(() => {
    if (!arrived || reached.current) return;
    reached.current = true;
    virtualizer.scrollToIndex(linked - 1, { align: 'center' });
  }, [arrived, linked, virtualizer]);

  return (
    <div
      ref={box}
      role="log"
      aria-label={`Log of ${name}`}
      aria-live="off"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={scrolled}
      style={{ minHeight: Math.min(leastHeight, virtualizer.getTotalSize() + lineHeight / 2) }}
      className="max-h-[max(320px,calc(100dvh-240px))] overflow-auto panes:max-h-none rounded-md border bg-rail py-1 font-mono text-small"
    >
      {!first && (
        <p className="p-3 font-sans text-base text-muted">
          {waiting ? 'Nothing was said yet.' : 'This step said nothing.'}
        </p>
      )}
      <div
        className="relative min-w-full"
        style={{ height: virtualizer.getTotalSize(), ...(!wrap && { width: 'max-content' }) }}
      >
        {/* The widest line that was ever in view would set the width; a spacer as wide as the longest keeps the box still. */}
        {!wrap && <Spacer lines={lines} />}
        {virtualizer.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (!line || !first) return null;
          const number = item.index + 1;
          return (
            <div
              key={item.key}
              data-index={item.index}
              ref={wrap ? virtualizer.measureElement : undefined}
              className="absolute left-0 w-full"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <Line
                line={line}
                number={number}
                since={first.at}
                repeats={lines[item.index - 1]?.at === line.at || line.at === first.at}
                wrap={wrap}
                term={term}
                selected={chosen !== undefined && number >= chosen.first && number <= chosen.last}
                current={item.index === match}
                onChoose={onChoose}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Spacer({ lines }: { lines: readonly LogLine[] }) {
  const longest = useMemo(() => lines.reduce((most, line) => Math.max(most, line.text.length), 0), [lines]);
  return <div aria-hidden className="h-0" style={{ width: `calc(${longest}ch + 160px)` }} />;
}

interface LineProps {
  line: LogLine;
  number: number;
  /** The time of the first line; the times of lines are relative to it. */
  since: string;
  /** The line has the same time as the line before, or as the first line, so its time is not shown. */
  repeats: boolean;
  wrap: boolean;
  term: string;
  selected: boolean;
  current: boolean;
  onChoose: (event: MouseEvent, number: number) => void;
}

const levelWords = { debug: 'debug', info: '', warn: 'warning', error: 'error' } as const;

function Line({ line, number, since, repeats, wrap, term, selected, current, onChoose }: LineProps) {
  const at = new Date(line.at);
  return (
    <div
      className={classNames(
        'flex min-h-5 leading-5 hover:bg-hover',
        selected && 'bg-selected',
        current && 'bg-hover',
        line.about && 'text-muted',
      )}
    >
      <a
        href={`?line=${number}`}
        aria-label={`Link to line ${number}`}
        // Otherwise, Tab would stop at thousands of lines.
        tabIndex={-1}
        onClick={(event) => onChoose(event, number)}
        className="w-12 shrink-0 pr-2 text-right text-muted select-none hover:text-accent"
      >
        {number}
      </a>
      <time
        dateTime={line.at}
        title={formatAbsolute(at)}
        className="hidden w-24 shrink-0 pr-3 text-right whitespace-nowrap text-muted select-none sm:block"
      >
        {!repeats && formatDuration(at.getTime() - new Date(since).getTime())}
      </time>
      <code className={classNames('pr-4', wrap ? 'min-w-0 wrap-anywhere whitespace-pre-wrap' : 'whitespace-pre')}>
        {levelWords[line.level] && !line.continues && (
          <span className={line.level === 'error' ? 'text-failed' : 'text-waiting'}>{levelWords[line.level]} </span>
        )}
        {term ? <Marked text={line.text} term={term} /> : <Coloured raw={line.raw} />}
      </code>
    </div>
  );
}

/** The eight terminal colours as design tokens, readable in both themes. */
const colourLooks: Record<Colour, string> = {
  black: 'text-muted',
  red: 'text-failed',
  green: 'text-done',
  yellow: 'text-waiting',
  blue: 'text-accent',
  magenta: 'text-accent',
  cyan: 'text-accent',
  white: '',
};

function Coloured({ raw }: { raw: string }) {
  return parseAnsi(raw).map((span, index) => (
    <span
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no other identity
      key={index}
      className={classNames(span.colour && colourLooks[span.colour], span.bold && 'font-semibold') || undefined}
    >
      {span.text}
    </span>
  ));
}
