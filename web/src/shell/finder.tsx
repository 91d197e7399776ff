import { Search } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useDeferredValue, useEffect, useId, useState } from 'react';
import { Pieces } from '@/search/highlight';
import { rememberSearch } from '@/search/recent';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { Key } from '@/ui/tag';
import { type Entry, type Group, type Target, useFound, useOpen, useSuggestions } from './targets';

const label = 'Search the catalog, documentation, runs and actions';

/** The search: a text box, and below it the results by type, or suggestions while the box is empty. */
export function Finder({ close }: { close: () => void }) {
  const listId = useId();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const [isWanted, setWanted] = useState(false);
  const term = useDeferredValue(text.trim());
  const suggestions = useSuggestions();
  const found = useFound(term);
  const open = useOpen();

  const groups = term ? found.groups : suggestions;
  const all: Target = { kind: 'all', id: term, type: undefined };
  const meant: Target[] = found.suggestion ? [{ kind: 'search', id: found.suggestion }] : [];
  const targets = [
    ...groups.flatMap(({ entries }) => entries.map(({ target }) => target)),
    ...meant,
    ...(term && groups.length > 0 ? [all] : []),
  ];
  const outcome = outcomeOf(term, { none: groups.length === 0, ...found });
  const isLoading = found.loading || term !== text.trim();
  const choose = (index: number) => {
    const target = targets[index];
    if (!target) return;
    if (target.kind === 'search') {
      setText(target.id);
      setActive(0);
      return;
    }
    rememberSearch(term);
    open(target);
    close();
  };
  // Enter means the results of what was typed, which may not be there yet.
  useEffect(() => {
    if (!isWanted || isLoading) return;
    setWanted(false);
    choose(active);
  });
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter') return text.trim() && isLoading ? setWanted(true) : choose(active);
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : -1;
    setActive((current) => (current + step + targets.length) % Math.max(1, targets.length));
  };
  const row = (index: number) => ({
    id: `${listId}-${index}`,
    active: index === active,
    onChoose: () => choose(index),
  });

  return (
    <>
      <div className="flex items-center gap-2 border-b px-3">
        <Search size={16} aria-hidden className="text-muted" />
        <input
          role="combobox"
          aria-label={label}
          aria-expanded
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={targets.length > 0 ? `${listId}-${active}` : undefined}
          placeholder={label}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
            setWanted(false);
          }}
          onKeyDown={press}
          className="h-12 min-w-0 grow bg-transparent outline-none"
        />
        <Key>Esc</Key>
      </div>
      <div id={listId} role="listbox" aria-label="Results" tabIndex={-1} className="max-h-[60vh] overflow-y-auto p-1">
        {groups.map((group, at) => (
          <Entries key={group.label} group={group} first={firstOf(groups, at)} row={row} />
        ))}
        {found.suggestion && (
          <Row {...row(targets.length - 2)}>
            Did you mean “<b>{found.suggestion}</b>”?
          </Row>
        )}
        {term && groups.length > 0 && (
          <Row {...row(targets.length - 1)}>
            <span className="text-accent">All results</span>
          </Row>
        )}
      </div>
      {found.problems.map(({ type, title, message }) => (
        <p key={type} className="px-4 pb-2 text-small text-muted">
          {title}: {message}.
        </p>
      ))}
      <p role="status" className={classNames('text-muted', outcome && 'px-4 pb-4')}>
        {outcome ?? <span className="sr-only">{countOf(groups)}</span>}
      </p>
    </>
  );
}

/** The position of a group's first entry among all entries. */
function firstOf(groups: readonly Group[], at: number): number {
  return groups.slice(0, at).reduce((sum, { entries }) => sum + entries.length, 0);
}

function countOf(groups: readonly Group[]): string {
  return plural(firstOf(groups, groups.length), 'result');
}

interface Outcome {
  none: boolean;
  loading: boolean;
  failed: boolean;
  isCorrected: boolean;
}

/** The note below the list: why it is empty or incomplete. */
function outcomeOf(term: string, { none, loading, failed, isCorrected }: Outcome): string | undefined {
  if (none && loading) return 'Searching …';
  if (failed) return 'Not everything could be searched: try again.';
  if (isCorrected && !loading && term)
    return `Nothing was found for “${term}”; these are results for what was probably meant.`;
  return none && term ? `Nothing was found for “${term}”.` : undefined;
}

interface EntriesProps {
  group: Group;
  first: number;
  row: (index: number) => Omit<RowProps, 'children'>;
}

function Entries({ group: { label, total, entries }, first, row }: EntriesProps) {
  const headingId = useId();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no part of a list of options
    <div role="group" aria-labelledby={headingId}>
      <p id={headingId} className="flex gap-2 px-2 pt-2 pb-1 text-small text-muted">
        {label} {total !== undefined && <span>{total}</span>}
      </p>
      {entries.map((entry, index) => (
        <Row key={`${entry.target.kind} ${entry.target.id}`} {...row(first + index)}>
          <Shown entry={entry} />
        </Row>
      ))}
    </div>
  );
}

/** An entry: its title, what it is, and where the term is when it is not in the title. */
function Shown({ entry: { title, excerpt, hint, icon, target } }: { entry: Entry }) {
  return (
    <>
      {icon}
      <span className="min-w-0 grow py-1">
        <span className={classNames('block truncate', target.kind === 'all' && 'text-accent')}>
          <Pieces pieces={title} />
        </span>
        {excerpt.length > 0 && (
          <span className="block truncate text-small text-muted">
            <Pieces pieces={excerpt} />
          </span>
        )}
      </span>
      <span className="max-w-[40%] shrink-0 truncate text-small text-muted">{hint}</span>
    </>
  );
}

interface RowProps {
  id: string;
  active: boolean;
  onChoose: () => void;
  children: ReactNode;
}

function Row({ id, active, onChoose, children }: RowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the text box above handles the keys of its list
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      ref={(element) => {
        if (active) element?.scrollIntoView?.({ block: 'nearest' });
      }}
      onMouseDown={(event) => event.preventDefault()}
      onClick={onChoose}
      className={classNames('flex min-h-9 items-center gap-2 rounded px-2 hover:bg-hover', active && 'bg-hover')}
    >
      {children}
    </div>
  );
}
