import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { classNames } from './class-names';

export interface Column<Row> {
  key: string;
  header: ReactNode;
  /** Classes of the heading and the cells: a width, and the screen width from which the column is shown. */
  className?: string;
  sort?: 'ascending' | 'descending' | undefined;
  cell: (row: Row) => ReactNode;
}

interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  /** Undefined for a row that is not loaded: it has its place, and nothing in it. */
  rows: readonly (Row | undefined)[];
  rowKey: (row: Row) => string;
  /** The number of all rows, loaded or not. */
  total?: number;
  /** Called near the end of the loaded rows. */
  onNearEnd?: () => void;
  /** Called with the numbers of the first and the last row that are rendered. */
  onRange?: (first: number, last: number) => void;
}

/** Below the bar at the top of the page. A border would not move with a sticky cell. */
const headLook = 'sticky top-12 z-10 bg-page py-1.5 pr-4 font-normal shadow-[inset_0_-1px_var(--hairline)]';

const rowHeight = 33;
/** The distance from the end, in rows, at which the next rows are requested. */
const ahead = 30;

/**
 * A dense table that renders only the visible rows, so that 50,000 of them scroll like fifty. It scrolls with
 * the page.
 */
export function Table<Row>({ label, columns, rows, rowKey, total, onNearEnd, onRange }: TableProps<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    if (body.current) setOffset(body.current.getBoundingClientRect().top + window.scrollY);
  }, []);

  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 15,
    scrollMargin: offset,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  const items = virtualizer.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);

  const nearEnd = last !== undefined && last.index >= rows.length - ahead;
  useEffect(() => {
    if (nearEnd) onNearEnd?.();
  }, [nearEnd, onNearEnd]);
  const firstIndex = first?.index ?? 0;
  const lastIndex = last?.index ?? 0;
  useEffect(() => onRange?.(firstIndex, lastIndex), [firstIndex, lastIndex, onRange]);

  return (
    <table aria-label={label} aria-rowcount={total ?? rows.length} className="w-full table-fixed border-collapse">
      <thead>
        <tr className="text-left text-small text-muted">
          {columns.map((column) => (
            <th key={column.key} scope="col" aria-sort={column.sort} className={classNames(headLook, column.className)}>
              {column.header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <Gap height={(first?.start ?? offset) - offset} />
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) {
            return (
              <tr
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                aria-rowindex={item.index + 1}
                className="border-b"
              >
                <td colSpan={columns.length} style={{ height: rowHeight }}>
                  <span className="sr-only">Loading</span>
                  <span aria-hidden className="skeleton block h-4 w-1/3" />
                </td>
              </tr>
            );
          }
          return (
            <tr
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              aria-rowindex={item.index + 1}
              className="relative border-b hover:bg-hover"
            >
              {columns.map((column) => (
                <td key={column.key} className={classNames('py-1.5 pr-4 align-top', column.className)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
        <Gap height={virtualizer.getTotalSize() - ((last?.end ?? offset) - offset)} />
      </tbody>
    </table>
  );
}

/** A placeholder for the rows that are not rendered. */
function Gap({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden>
      <td style={{ height }} />
    </tr>
  );
}
