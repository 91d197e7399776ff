import { type ReactNode, useState } from 'react';

interface ShownAtFirstProps<Item> {
  items: readonly Item[];
  count: number;
  /** What the others are, such as "older builds". */
  more: string;
  children: (item: Item) => ReactNode;
}

/** A list of which the first items are shown, until somebody asks for the others. */
export function ShownAtFirst<Item>({ items, count, more, children }: ShownAtFirstProps<Item>) {
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, items.length - count);
  return (
    <>
      <ul className="divide-y">{items.slice(0, items.length - hidden).map(children)}</ul>
      {hidden > 0 && (
        <button type="button" className="py-2 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {hidden} {more}
        </button>
      )}
    </>
  );
}
