import { Search } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useDeferredValue, useId, useState } from 'react';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { Marked } from '@/ui/marked';
import { Key } from '@/ui/tag';
import { excerpt, type Hit } from './rank';
import { type Target, useFound, useOpen, useSuggestions } from './targets';

const label = 'Search the catalog, templates, runs and actions';

/** The search: a text box, and below it the results, or the recently seen things while the box is empty. */
export function Finder({ close }: { close: () => void }) {
  const listId = useId();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const term = useDeferredValue(text.trim());
  const suggestions = useSuggestions();
  const { hits: found, total, loading, failed } = useFound(term);
  const open = useOpen();

  const hits: readonly Hit<Target>[] = term ? found : suggestions;
  const all: Target[] = term && total > 0 ? [{ kind: 'all', term }] : [];
  const targets = [...hits.map(({ target }) => target), ...all];
  const outcome = outcomeOf(term, { none: targets.length === 0, loading, failed });
  const choose = (index: number) => {
    const target = targets[index];
    if (!target) return;
    open(target);
    close();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter') return choose(active);
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
          aria-activedescendant={targets.length > 0 ? `${listId}-${active}` : undefined}
          placeholder={label}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={press}
          className="h-12 min-w-0 grow bg-transparent outline-none"
        />
        <Key>Esc</Key>
      </div>
      <div id={listId} role="listbox" aria-label="Results" tabIndex={-1} className="max-h-[50vh] overflow-y-auto p-1">
        {hits.map((hit, index) => (
          <Row key={keyOf(hit.target)} {...row(index)}>
            <Found hit={hit} term={term} />
          </Row>
        ))}
        {all.length > 0 && (
          <Row key="all" {...row(hits.length)}>
            <span className="text-accent">
              {total === 1 ? 'The one result' : `All ${plural(total, 'result')}`} in the catalog
            </span>
          </Row>
        )}
      </div>
      {outcome && (
        <p role="status" className="px-4 pb-4 text-muted">
          {outcome}
        </p>
      )}
    </>
  );
}

interface Outcome {
  none: boolean;
  loading: boolean;
  failed: boolean;
}

/** The note below the list: why it is empty or incomplete. */
function outcomeOf(term: string, { none, loading, failed }: Outcome): string | undefined {
  if (none && loading) return 'Searching …';
  if (failed) return 'Not everything could be searched: try again.';
  return none ? `Nothing has “${term}” in its name, title or description.` : undefined;
}

function keyOf(target: Target): string {
  return `${target.kind} ${'id' in target ? target.id : ''}`;
}

/** A result: its title, its kind, and where the term is when it is not in the title. */
function Found({ hit: { target, title, because }, term }: { hit: Hit<Target>; term: string }) {
  const hint = 'hint' in target ? target.hint : undefined;
  return (
    <>
      {'icon' in target && target.icon}
      <span className="min-w-0 grow py-1">
        <span className="block truncate">
          <Marked text={title} term={term} />
        </span>
        {because && (
          <span className="block truncate text-small text-muted">
            {because.field}: <Marked text={excerpt(because.text, term)} term={term} />
          </span>
        )}
      </span>
      <span className="shrink-0 text-small text-muted">{hint}</span>
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
