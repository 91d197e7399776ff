import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { useCallback, useRef, useState } from 'react';
import type { EntityQuery } from '@/api/catalog';
import { entityPageQuery } from '@/api/queries';
import type { Entity } from '@/api/types';

const perPage = 100;
/** How often the pages that are read change while somebody scrolls, in milliseconds. */
const beat = 120;

export interface EntityRows {
  /** All rows. Those of pages that are not in view are undefined. */
  rows: readonly (Entity | undefined)[];
  /** Undefined until the first page is there. */
  total: number | undefined;
  error: Error | null;
  retry: () => void;
  onRange: (first: number, last: number) => void;
}

/**
 * The entities of a query, of which only the pages in view are read. So the end of 50,000 rows is as near as their
 * beginning, and a list that is looked at again is not read again as a whole.
 */
export function useEntityRows(query: EntityQuery, enabled: boolean): EntityRows {
  const [range, onRange] = useRange();
  const first = useQuery({ ...entityPageQuery(query, 0, perPage), enabled, placeholderData: keepPreviousData });
  const total = first.data?.totalItems;
  const numbers = pagesIn(range, total ?? 0);
  const others = useQueries({
    queries: numbers.map((number) => ({ ...entityPageQuery(query, number, perPage), enabled })),
  });
  const rows: (Entity | undefined)[] = new Array(total ?? 0).fill(undefined);
  const put = (number: number, items: readonly Entity[] = []) => {
    const from = number * perPage;
    for (const [index, item] of items.slice(0, rows.length - from).entries()) rows[from + index] = item;
  };
  put(0, first.data?.items);
  for (const [index, number] of numbers.entries()) put(number, others[index]?.data?.items);
  const failed = [first, ...others].filter(({ error }) => error !== null);
  return {
    rows,
    total,
    error: failed[0]?.error ?? null,
    retry: () => {
      for (const { refetch } of failed) refetch();
    },
    onRange,
  };
}

/** The pages of the rows in a range and right beside it, without the first, which is always read. */
export function pagesIn([first, last]: readonly [number, number], total: number): number[] {
  const end = Math.ceil(total / perPage) - 1;
  const from = Math.max(1, Math.floor((first - perPage / 2) / perPage));
  const to = Math.min(end, Math.floor((last + perPage / 2) / perPage));
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

/** The rows in view, a few times a second: a dragged scroll bar passes hundreds of pages that nobody looks at. */
function useRange(): [range: readonly [number, number], onRange: (first: number, last: number) => void] {
  const [range, setRange] = useState<readonly [number, number]>([0, 0]);
  const latest = useRef<readonly [number, number]>(range);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onRange = useCallback((first: number, last: number) => {
    latest.current = [first, last];
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      setRange(latest.current);
    }, beat);
  }, []);
  return [range, onRange];
}
