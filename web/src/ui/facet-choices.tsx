import { type ReactNode, useState } from 'react';
import { buttonLook } from './button';
import { classNames } from './class-names';
import { inputLook } from './input';

const shownAtFirst = 8;

interface FacetPanelProps {
  /** How many values are chosen. */
  chosen: number;
  children: ReactNode;
}

/** What a list can be narrowed by, beside the list. On a small screen it is behind a button. */
export function FacetPanel({ chosen, children }: FacetPanelProps) {
  const [open, setOpen] = useState(false);
  return (
    <div className="lg:sticky lg:top-17 lg:max-h-[calc(100dvh-88px)] lg:self-start lg:overflow-y-auto">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className={buttonLook('plain', 'w-full lg:hidden')}
      >
        Filters{chosen > 0 && ` · ${chosen} chosen`}
      </button>
      <div className={classNames('space-y-5 pt-4 lg:block lg:pt-0', !open && 'hidden')}>{children}</div>
    </div>
  );
}

export interface FacetChoice {
  value: string;
  title: string;
  count: number;
  checked: boolean;
}

interface FacetChoicesProps {
  label: string;
  /** The chosen values first. */
  choices: readonly FacetChoice[];
  /** Whether the counts are the least: some of many were counted. */
  isMore?: boolean;
  onToggle: (value: string) => void;
}

/** The values of one facet, with the number of what each would leave. */
export function FacetChoices({ label, choices, isMore = false, onToggle }: FacetChoicesProps) {
  const [all, setAll] = useState(false);
  const [find, setFind] = useState('');
  const chosen = choices.filter(({ checked }) => checked).length;
  // A facet with one value would not filter anything.
  if (choices.length < 2 && chosen === 0) return null;
  const found = choices.filter(({ value, title }) => matches(value, find) || matches(title, find));
  const shown = all ? found : found.slice(0, Math.max(shownAtFirst, chosen));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      {(choices.length > shownAtFirst || find !== '') && (
        <input
          type="search"
          aria-label={`Find in ${label}`}
          placeholder="Find"
          value={find}
          onChange={(event) => setFind(event.target.value)}
          className={classNames(inputLook, 'mb-1')}
        />
      )}
      {shown.map(({ value, title, count, checked }) => (
        <label key={value} className="flex min-h-7 cursor-pointer items-center gap-2 hover:text-accent">
          <input
            type="checkbox"
            checked={checked}
            className="size-3.5 shrink-0 accent-accent"
            onChange={() => onToggle(value)}
          />
          <span className="min-w-0 grow truncate" title={value}>
            {title}
          </span>
          <span className="text-small text-muted">
            {count.toLocaleString('en')}
            {isMore && '+'}
          </span>
        </label>
      ))}
      {found.length === 0 && <p className="text-small text-muted">None is called “{find}”.</p>}
      {found.length > shown.length && (
        <button type="button" className="mt-1 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {found.length - shown.length} more
        </button>
      )}
    </fieldset>
  );
}

function matches(text: string, find: string): boolean {
  return text.toLowerCase().includes(find.trim().toLowerCase());
}
