import { ChevronsUpDown, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { classNames } from './class-names';
import { plural } from './format';
import { inputLook } from './input';

export interface Option {
  value: string;
  title: string;
  /** A secondary line that distinguishes equal titles: kind, owner. */
  hint?: string;
}

interface ComboboxProps {
  id?: string;
  label?: string;
  options: readonly Option[];
  /** The title of the chosen option, shown until the user types. */
  chosen: string;
  onSearch: (text: string) => void;
  onChoose: (value: string | undefined) => void;
  onLeave?: () => void;
  /** Whether a typed text may be chosen that is no option. */
  free?: boolean;
  loading?: boolean;
  /** Whether the options could not be read, so that some may be missing. */
  failed?: boolean;
  /** Keeps the list open after a choice, for choosing several. */
  multiple?: boolean;
  /** The number of options that are not in the list; typing finds them. */
  more?: number;
  placeholder?: string | undefined;
  disabled?: boolean | undefined;
  invalid?: boolean;
  describedBy?: string;
  autoFocus?: boolean | undefined;
}

/**
 * A text box that searches while the user types, with its options below. Arrow keys move, Enter chooses,
 * Escape closes.
 */
export function Combobox(props: ComboboxProps) {
  const { options, chosen, onSearch, onChoose, free = false, multiple = false, more = 0, disabled } = props;
  const listId = useId();
  const [text, setText] = useState<string>();
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);

  const popup = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (open) popup.current?.scrollIntoView?.({ block: 'nearest' });
  }, [open]);

  const type = (next: string) => {
    setText(next);
    setActive(0);
    setOpen(true);
    onSearch(next);
  };
  const close = () => {
    setOpen(false);
    setText(undefined);
    onSearch('');
  };
  const choose = (value: string | undefined) => {
    onChoose(value);
    close();
    if (multiple) setOpen(true);
  };
  const leave = () => {
    const typed = text?.trim();
    const named = options.find(({ title }) => title.toLowerCase() === typed?.toLowerCase());
    if (typed === '' && !multiple) onChoose(undefined);
    else if (typed && named) onChoose(named.value);
    else if (typed && free) onChoose(typed);
    close();
    props.onLeave?.();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) return setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      return setActive((current) => (current + step + options.length) % Math.max(1, options.length));
    }
    if (event.key === 'Enter' && open) {
      event.preventDefault();
      const option = options[active];
      if (option) choose(option.value);
      else if (free && text?.trim()) choose(text.trim());
      return;
    }
    if (event.key === 'Escape' && open) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  };

  return (
    <div className="relative">
      <input
        id={props.id}
        role="combobox"
        autoComplete="off"
        aria-label={props.label}
        aria-expanded={open}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={open && options[active] ? `${listId}-${active}` : undefined}
        aria-invalid={props.invalid || undefined}
        aria-describedby={props.describedBy}
        // biome-ignore lint/a11y/noAutofocus: the template's author asked for it (ui:autofocus)
        autoFocus={props.autoFocus}
        disabled={disabled}
        placeholder={props.placeholder}
        value={text ?? chosen}
        onChange={(event) => type(event.target.value)}
        onClick={() => setOpen(true)}
        // The typed text replaces the chosen option.
        onFocus={(event) => event.target.select()}
        onBlur={leave}
        onKeyDown={press}
        className={classNames(inputLook, 'pr-8')}
      />
      {chosen && !multiple && !disabled ? (
        <button
          type="button"
          aria-label="Clear"
          // Not reachable by Tab, because it would be pressed by mistake between two fields; keyboard users
          // delete the text.
          tabIndex={-1}
          className="absolute top-1 right-1 inline-flex size-6 items-center justify-center rounded text-muted hover:bg-hover hover:text-ink"
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(undefined)}
        >
          <X size={14} aria-hidden />
        </button>
      ) : (
        <ChevronsUpDown size={14} aria-hidden className="pointer-events-none absolute top-2.5 right-2.5 text-muted" />
      )}
      <div
        ref={popup}
        hidden={!open}
        className="absolute top-full z-30 mt-1 max-h-72 w-full scroll-mb-16 overflow-y-auto rounded-lg border bg-raised p-1 shadow-float sm:scroll-mb-4"
      >
        <div id={listId} role="listbox" aria-label={props.label ?? 'Choices'} tabIndex={-1}>
          {options.map((option, index) => (
            <Choice
              key={option.value}
              id={`${listId}-${index}`}
              option={option}
              active={index === active}
              onHover={() => setActive(index)}
              onChoose={() => choose(option.value)}
            />
          ))}
        </div>
        {more > 0 && (
          <p className="border-t px-2 pt-1.5 pb-1 text-small text-muted">
            {plural(more, 'more', 'more')}: type to find
          </p>
        )}
      </div>
      {open && options.length === 0 && <Nothing {...props} text={text} />}
    </div>
  );
}

interface ChoiceProps {
  id: string;
  option: Option;
  active: boolean;
  onHover: () => void;
  onChoose: () => void;
}

function Choice({ id, option, active, onHover, onChoose }: ChoiceProps) {
  return (
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      ref={(element) => {
        if (active) element?.scrollIntoView?.({ block: 'nearest' });
      }}
      // Pressing must not move the focus from the text box, because its blur would close the list before the
      // click.
      onMouseDown={(event) => event.preventDefault()}
      onMouseMove={onHover}
      onClick={onChoose}
      onKeyDown={undefined}
      className={classNames('flex min-h-8 items-baseline gap-2 rounded px-2 py-1.5', active && 'bg-hover')}
    >
      <span className="min-w-0 truncate">{option.title}</span>
      {option.hint && <span className="ml-auto shrink-0 truncate text-small text-muted">{option.hint}</span>}
    </div>
  );
}

function Nothing({ free, loading, failed, text }: ComboboxProps & { text: string | undefined }) {
  const use = free && text ? `Press Enter to use “${text}”.` : undefined;
  let words = use ?? 'Nothing matches.';
  if (loading) words = 'Searching …';
  else if (failed) words = ['The search failed.', use].filter(Boolean).join(' ');
  return (
    <div
      role="status"
      className="absolute top-full z-30 mt-1 w-full rounded-lg border bg-raised p-3 text-muted shadow-float"
    >
      {words}
    </div>
  );
}
