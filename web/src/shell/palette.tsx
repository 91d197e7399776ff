import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useState } from 'react';
import { entitiesQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { useRecent } from '@/entity/bookmarks';
import { KindIcon } from '@/entity/kind-icon';
import { displayName, humanizeRef, namespaceOf, parseRef, refOf } from '@/entity/ref';
import { classNames } from '@/ui/class-names';
import { Key } from '@/ui/tag';

interface PaletteState {
  isOpen: boolean;
  open: () => void;
  close: () => void;
}

/** Opens on `/` outside of text boxes and on Ctrl-K or Cmd-K everywhere. */
export function usePalette(): PaletteState {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      const chord = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey);
      const slash = event.key === '/' && !event.ctrlKey && !event.metaKey && !isTyping(event.target);
      if (!chord && !slash) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, []);
  return { isOpen, open: () => setOpen(true), close: () => setOpen(false) };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
}

export function Palette({ isOpen, close }: PaletteState) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={(open) => open || close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[rgb(0_0_0/0.35)]" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12vh] left-1/2 z-50 w-[min(600px,calc(100vw-32px))] -translate-x-1/2 overflow-hidden rounded-lg border bg-raised shadow-float"
        >
          <Dialog.Title className="sr-only">Search</Dialog.Title>
          <Finder close={close} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface Target {
  ref: string;
  title: string;
  hint: string;
  /** Chosen in the gallery's sense: opens the form, not the entity page. */
  template: boolean;
}

const pages = [
  { title: 'Home', to: '/' },
  { title: 'Catalog', to: '/catalog' },
  { title: 'Create', to: '/create' },
  { title: 'Runs', to: '/runs' },
] as const;

const resultFields = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.description',
  'spec.profile',
];

function Finder({ close }: { close: () => void }) {
  const listId = useId();
  const navigate = useNavigate();
  const recent = useRecent();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const term = useDeferredValue(text.trim());
  const search = entitiesQuery({ text: term, fields: resultFields, limit: 20, orderField: 'metadata.name,asc' });
  const { data, isFetching } = useQuery({ ...search, enabled: term !== '', placeholderData: (previous) => previous });

  const targets = term ? templatesFirst(data?.items ?? []) : recent.map(targetOfRef);
  const matchingPages = pages.filter((page) => page.title.toLowerCase().includes(term.toLowerCase()));
  const count = targets.length + matchingPages.length;

  const choose = (index: number) => {
    const target = targets[index];
    const page = matchingPages[index - targets.length];
    if (target) open(target);
    else if (page) navigate({ to: page.to });
    if (target || page) close();
  };
  const open = (target: Target) => {
    const { kind, namespace, name } = parseRef(target.ref);
    if (target.template) navigate({ to: '/create/templates/$namespace/$name', params: { namespace, name } });
    else navigate({ to: '/catalog/$namespace/$kind/$name', params: { kind, namespace, name } });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter') return choose(active);
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : -1;
    setActive((current) => (current + step + count) % Math.max(1, count));
  };

  return (
    <>
      <div className="flex items-center gap-2 border-b px-3">
        <Search size={16} aria-hidden className="text-muted" />
        <input
          role="combobox"
          aria-label="Search the catalog and templates"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={count > 0 ? `${listId}-${active}` : undefined}
          placeholder="Search the catalog and templates"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={press}
          className="h-12 grow bg-transparent outline-none"
        />
        <Key>Esc</Key>
      </div>
      <div id={listId} role="listbox" aria-label="Results" tabIndex={-1} className="max-h-[50vh] overflow-y-auto p-1">
        {targets.map((target, index) => (
          <Row key={target.ref} id={`${listId}-${index}`} active={index === active} onChoose={() => choose(index)}>
            <KindIcon kind={parseRef(target.ref).kind} />
            <span className="min-w-0 truncate">{target.title}</span>
            <span className="ml-auto shrink-0 text-small text-muted">{target.hint}</span>
          </Row>
        ))}
        {matchingPages.map((page, index) => {
          const position = targets.length + index;
          return (
            <Row
              key={page.to}
              id={`${listId}-${position}`}
              active={position === active}
              onChoose={() => choose(position)}
            >
              <span className="min-w-0 truncate">{page.title}</span>
              <span className="ml-auto text-small text-muted">page</span>
            </Row>
          );
        })}
      </div>
      {count === 0 && (
        <p role="status" className="px-4 pb-4 text-muted">
          {isFetching ? 'Searching …' : `Nothing is called “${term}”. Names, titles and descriptions are searched.`}
        </p>
      )}
    </>
  );
}

interface RowProps {
  id: string;
  active: boolean;
  onChoose: () => void;
  children: React.ReactNode;
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

function templatesFirst(entities: Entity[]): Target[] {
  const targets = entities.map((entity) => ({
    ref: refOf(entity),
    title: displayName(entity),
    hint:
      namespaceOf(entity) === 'default'
        ? entity.kind.toLowerCase()
        : `${entity.kind.toLowerCase()} in ${namespaceOf(entity)}`,
    template: entity.kind === 'Template',
  }));
  return targets.sort((a, b) => Number(b.template) - Number(a.template));
}

function targetOfRef(ref: string): Target {
  return {
    ref,
    title: humanizeRef(ref, parseRef(ref).kind),
    hint: `${parseRef(ref).kind}, recently seen`,
    template: false,
  };
}
