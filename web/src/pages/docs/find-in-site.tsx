import { useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { type KeyboardEvent, useDeferredValue, useId, useMemo, useRef, useState } from 'react';
import { findSections, type Section } from '@/docs/find';
import { docsIndexQuery } from '@/docs/queries';
import { type Site, siteAddress } from '@/docs/site';
import { classNames } from '@/ui/class-names';
import { inputLook } from '@/ui/input';
import { Marked } from '@/ui/marked';
import { Key } from '@/ui/tag';
import { useFollow } from './docs-link';
import { useKeys } from './use-keys';

/** The search within a site. Its index is loaded when somebody enters the box. */
export function FindInSite({ site }: { site: Site }) {
  const listId = useId();
  const box = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const [entered, setEntered] = useState(false);
  const [open, setOpen] = useState(false);
  const term = useDeferredValue(text.trim());
  const { data: index, error } = useQuery({ ...docsIndexQuery(site), enabled: entered });
  const found = useMemo(() => (index && term ? findSections(index, term) : []), [index, term]);
  const follow = useFollow();
  useKeys({ s: () => box.current?.focus() });

  const choose = (section: Section | undefined) => {
    if (!section) return;
    follow(siteAddress(site) + section.location);
    setOpen(false);
    setText('');
    box.current?.blur();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter') choose(found[active]);
    if (event.key === 'Escape') {
      setText('');
      setOpen(false);
      box.current?.blur();
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    setActive((current) => (current + (event.key === 'ArrowDown' ? 1 : -1) + found.length) % Math.max(1, found.length));
  };
  const shown = open && term !== '';
  return (
    <div className="relative w-full sm:w-64">
      <Search size={16} aria-hidden className="pointer-events-none absolute top-2 left-2.5 text-muted" />
      <input
        ref={box}
        role="combobox"
        type="text"
        autoComplete="off"
        aria-label="Search in this documentation"
        aria-keyshortcuts="s"
        aria-expanded={shown}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={shown && found.length > 0 ? `${listId}-${active}` : undefined}
        placeholder="Search in these docs"
        value={text}
        onFocus={() => setEntered(true)}
        onBlur={() => setOpen(false)}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
          setOpen(true);
        }}
        onKeyDown={press}
        className={classNames(inputLook, 'pr-8 pl-8')}
      />
      {text === '' && (
        <span className="pointer-events-none absolute top-1.5 right-2">
          <Key>s</Key>
        </span>
      )}
      <div
        hidden={!shown}
        className="absolute top-full right-0 z-30 mt-1 max-h-[60vh] w-full overflow-y-auto rounded-lg border bg-raised p-1 shadow-float sm:w-[26rem]"
      >
        <div id={listId} role="listbox" aria-label="Results" tabIndex={-1}>
          {found.map((section, at) => (
            <Row
              key={section.location}
              id={`${listId}-${at}`}
              section={section}
              term={term}
              active={at === active}
              onChoose={() => choose(section)}
            />
          ))}
        </div>
        {found.length === 0 && (
          <p role="status" className="p-2 text-muted">
            {outcomeOf(term, index !== undefined, error)}
          </p>
        )}
      </div>
    </div>
  );
}

function outcomeOf(term: string, isLoaded: boolean, error: Error | null): string {
  if (isLoaded) return `Nothing here has “${term}”.`;
  return error ? 'This documentation has no index to search.' : 'Searching …';
}

interface RowProps {
  id: string;
  section: Section;
  term: string;
  active: boolean;
  onChoose: () => void;
}

function Row({ id, section, term, active, onChoose }: RowProps) {
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
      className={classNames('rounded px-2 py-1.5 hover:bg-hover', active && 'bg-hover')}
    >
      <span className="block truncate font-medium">
        <Marked text={section.title} term={term} />
      </span>
      <span className="block truncate text-small text-muted">
        <Marked text={section.excerpt} term={term} />
      </span>
    </div>
  );
}
