import { ChevronRight } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { NavItem } from '@/docs/parse';
import { classNames } from '@/ui/class-names';
import { DocsLink } from './docs-link';

interface NavProps {
  items: readonly NavItem[];
  onFollow: () => void;
}

const linkLook =
  'block rounded px-2 py-1 text-muted hover:bg-hover hover:text-ink aria-[current=page]:bg-selected aria-[current=page]:font-medium aria-[current=page]:text-ink';

/** The pages of a site. The sections around the current one are open. */
export function Nav({ items, onFollow }: NavProps) {
  const nav = useRef<HTMLElement>(null);
  const current = items.findIndex(hasCurrent);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the current page may be out of sight in a long navigation
  useEffect(() => {
    const link = nav.current?.querySelector('[aria-current]');
    const scrolled = nav.current?.closest('.lg\\:overflow-y-auto');
    if (!link || !scrolled) return;
    const [inner, outer] = [link.getBoundingClientRect(), scrolled.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom)
      scrolled.scrollTop += inner.top - outer.top - outer.height / 3;
  }, [current]);
  if (items.length === 0) return null;
  return (
    <nav ref={nav} aria-label="Pages of the documentation">
      <Items items={items} onFollow={onFollow} />
    </nav>
  );
}

function Items({ items, onFollow }: NavProps) {
  return (
    <ul className="space-y-0.5">
      {items.map((item) => (
        <li key={`${item.title} ${item.address}`}>
          {item.items.length > 0 ? (
            <Section item={item} onFollow={onFollow} />
          ) : (
            <Page item={item} onFollow={onFollow} />
          )}
        </li>
      ))}
    </ul>
  );
}

interface ItemProps {
  item: NavItem;
  onFollow: () => void;
}

function Page({ item, onFollow }: ItemProps) {
  if (item.address === undefined) return <span className="block px-2 py-1 text-muted">{item.title}</span>;
  return (
    <DocsLink
      address={item.address}
      aria-current={item.current ? 'page' : undefined}
      onClick={onFollow}
      className={linkLook}
    >
      {item.title}
    </DocsLink>
  );
}

function Section({ item, onFollow }: ItemProps) {
  const isAround = hasCurrent(item);
  const [chosen, setChosen] = useState<boolean>();
  const [wasAround, setWasAround] = useState(isAround);
  // Arriving at a page opens the sections around it, also those that were closed before.
  if (isAround !== wasAround) {
    setWasAround(isAround);
    if (isAround) setChosen(undefined);
  }
  const open = chosen ?? isAround;
  return (
    <>
      <span className="flex items-start">
        {item.address !== undefined && (
          <span className="min-w-0 grow">
            <Page item={item} onFollow={onFollow} />
          </span>
        )}
        <button
          type="button"
          aria-expanded={open}
          aria-label={item.address === undefined ? undefined : `Pages of ${item.title}`}
          onClick={() => setChosen(!open)}
          className={classNames(
            'flex items-center gap-1 rounded px-2 py-1 text-left text-ink hover:bg-hover',
            item.address === undefined && 'w-full font-medium',
          )}
        >
          {item.address === undefined && <span className="min-w-0 grow wrap-anywhere">{item.title}</span>}
          <ChevronRight
            size={14}
            aria-hidden
            className={classNames('my-0.5 shrink-0 text-muted transition-transform', open && 'rotate-90')}
          />
        </button>
      </span>
      {open && (
        <div className="ml-2 border-l pl-2">
          <Items items={item.items} onFollow={onFollow} />
        </div>
      )}
    </>
  );
}

function hasCurrent(item: NavItem): boolean {
  return item.current || item.items.some(hasCurrent);
}
