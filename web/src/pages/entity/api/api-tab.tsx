import { getRouteApi } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Entity } from '@/api/types';
import { Button } from '@/ui/button';
import { CopyButton } from '@/ui/copy-button';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { Source } from '@/ui/source';
import { Empty, Skeleton } from '@/ui/states';
import { Description } from './description';
import { findItems } from './find-items';
import { ItemRow } from './item';
import { type ApiModel, type Failure, type Group, type ReadableType, readableType, type Server } from './model';
import { asList, asObject, asText } from './plain';
import { useReading } from './use-reading';

const route = getRouteApi('/catalog/$namespace/$kind/$name');

/** The definition of an API: what can be called, or the text as it is written. */
export default function ApiTab({ entity }: { entity: Entity }) {
  const { view } = route.useSearch();
  const { type, definition, remotes } = entity.spec ?? {};
  const text = typeof definition === 'string' && definition.trim() !== '' ? definition : undefined;
  const readable = readableType(type);
  return (
    <div className="space-y-4">
      <Remotes remotes={remotes} />
      {text !== undefined && readable && <Views raw={view === 'raw'} />}
      {text !== undefined && readable && view !== 'raw' && <Readable type={readable} text={text} />}
      {text !== undefined && (!readable || view === 'raw') && <Source label="the definition" value={text} />}
    </div>
  );
}

function Views({ raw }: { raw: boolean }) {
  const navigate = route.useNavigate();
  return (
    <Button
      onClick={() =>
        navigate({
          search: ({ view: _, ...rest }) => ({ ...rest, ...(!raw && { view: 'raw' as const }) }),
          resetScroll: false,
        })
      }
    >
      {raw ? 'Show what can be called' : 'Show the text as it is written'}
    </Button>
  );
}

/** Where the servers of an API of type mcp-server are. */
function Remotes({ remotes }: { remotes: unknown }) {
  const servers = asList(remotes).map((remote) => {
    const { url, type } = asObject(remote);
    return { url: asText(url) ?? '', description: asText(type) ?? '' };
  });
  return <Servers servers={servers.filter(({ url }) => url !== '')} />;
}

function Servers({ servers }: { servers: readonly Server[] }) {
  if (servers.length === 0) return null;
  return (
    <section aria-label="Servers">
      <h2 className="border-b pb-1.5">Servers</h2>
      <ul className="divide-y">
        {servers.map(({ url, description }) => (
          <li key={`${url} ${description}`} className="flex flex-wrap items-center gap-x-3 py-1.5">
            <span className="flex min-w-0 items-center gap-1">
              <code className="min-w-0 font-mono text-small wrap-anywhere">{url}</code>
              <CopyButton text={() => url} label={`Copy ${url}`} />
            </span>
            {description && <span className="text-muted wrap-anywhere">{description}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

const names: Record<ReadableType, string> = {
  openapi: 'OpenAPI',
  asyncapi: 'AsyncAPI',
  graphql: 'GraphQL',
  grpc: 'Protocol Buffers',
  'mcp-server': 'what an MCP server offers',
};

function Readable({ type, text }: { type: ReadableType; text: string }) {
  const reading = useReading(type, text);
  if (!reading) return <Skeleton lines={8} />;
  if ('failure' in reading) return <Unreadable type={type} text={text} failure={reading.failure} />;
  return <Model model={reading.model} />;
}

function Unreadable({ type, text, failure }: { type: ReadableType; text: string; failure: Failure }) {
  const { message, line, column } = failure;
  const place = line === undefined ? '' : `Line ${line}${column === undefined ? '' : `, column ${column}`}: `;
  return (
    <div className="space-y-4">
      <div role="alert" className="flex gap-3 rounded-md border p-4">
        <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
        <div className="min-w-0 space-y-1">
          <p className="font-medium">The definition cannot be read as {names[type]}</p>
          <p className="whitespace-pre-wrap wrap-anywhere">
            {place}
            {message}
          </p>
          <p className="text-muted">Correct it at its source. The text below is what the catalog has.</p>
        </div>
      </div>
      <Source label="the definition" value={text} {...(line !== undefined && { line })} />
    </div>
  );
}

function Model({ model }: { model: ApiModel }) {
  const { q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const { isOpen, toggle, list } = useOpenItems();
  const found = useMemo(() => findItems(model.groups, q), [model, q]);
  const [allGroups, setAllGroups] = useState(false);
  const shown = found.filter(
    ({ items }, index) => allGroups || index < groupsAtFirst || items.some(({ id }) => isOpen(id)),
  );
  const count = found.reduce((sum, { items }) => sum + items.length, 0);
  return (
    <div className="space-y-5" ref={list}>
      {(model.title || model.description) && (
        <div className="space-y-2">
          <p>
            <span className="font-medium">{model.title}</span> <span className="text-muted">{model.version}</span>
          </p>
          {model.description && <Description>{model.description}</Description>}
        </div>
      )}
      <Servers servers={model.servers} />
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <SearchInput
          label="Find by name or summary"
          value={q}
          onChange={(typed) =>
            navigate({
              search: ({ q: _, ...rest }) => ({ ...rest, ...(typed && { q: typed }) }),
              replace: true,
              resetScroll: false,
            })
          }
          className="w-full sm:w-80"
        />
        <span role="status" className="text-muted">
          {plural(count, 'entry', 'entries')}
        </span>
      </div>
      {count === 0 && <Empty title="Nothing is called that." />}
      {shown.map((group) => (
        <GroupSection key={group.name} group={group} root={model.root} isOpen={isOpen} onToggle={toggle} />
      ))}
      {found.length > shown.length && (
        <Button onClick={() => setAllGroups(true)}>Show {plural(found.length - shown.length, 'more group')}</Button>
      )}
    </div>
  );
}

/** Which items are open. The latest one is in the address, so that people can send it to each other. */
function useOpenItems() {
  const { item } = route.useSearch();
  const navigate = route.useNavigate();
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(item === undefined ? [] : [item]));
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the item of the address with which the page was opened
  useEffect(() => {
    if (item !== undefined) list.current?.querySelector(`[data-item="${CSS.escape(item)}"]`)?.scrollIntoView();
  }, []);
  const toggle = useCallback(
    (id: string) => {
      setOpen((before) => {
        const after = new Set(before);
        if (!after.delete(id)) after.add(id);
        return after;
      });
      navigate({
        search: ({ item: before, ...rest }) => ({ ...rest, ...(before !== id && { item: id }) }),
        replace: true,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return { isOpen: (id: string) => open.has(id), toggle, list };
}

/** How many groups, and how many items of a group, are shown before somebody asks for more. */
const groupsAtFirst = 60;
const shownAtFirst = 200;

interface GroupSectionProps {
  group: Group;
  root: unknown;
  isOpen: (id: string) => boolean;
  onToggle: (id: string) => void;
}

function GroupSection({ group: { name, description, items }, root, isOpen, onToggle }: GroupSectionProps) {
  const [all, setAll] = useState(false);
  // One that was opened by its address is shown wherever it is.
  const shown = all ? items : items.filter(({ id }, index) => index < shownAtFirst || isOpen(id));
  return (
    <section aria-label={name}>
      <h2 className="border-b pb-1.5">
        {name} <span className="text-small text-muted">{items.length.toLocaleString('en')}</span>
      </h2>
      {description && (
        <div className="pt-2 text-muted">
          <Description>{description}</Description>
        </div>
      )}
      <ul className="divide-y">
        {shown.map((item) => (
          <ItemRow key={item.id} item={item} root={root} open={isOpen(item.id)} onToggle={onToggle} />
        ))}
      </ul>
      {items.length > shown.length && (
        <button type="button" className="py-1.5 text-muted hover:text-ink" onClick={() => setAll(true)}>
          {(items.length - shown.length).toLocaleString('en')} more
        </button>
      )}
    </section>
  );
}
