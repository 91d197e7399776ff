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
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** The number of all rows, loaded or not. */
  total?: number;
  /** Called near the end of the loaded rows. */
  onNearEnd?: () => void;
}

/** Below the bar at the top of the page. A border would not move with a sticky cell. */
const headLook = 'sticky top-12 z-10 bg-page py-1.5 pr-4 font-normal shadow-[inset_0_-1px_var(--hairline)]';

const rowHeight = 35;
/** The distance from the end, in rows, at which the next rows are requested. */
const ahead = 30;

/**
 * A dense table that renders only the visible rows, so that 50,000 of them scroll like fifty. It scrolls with
 * the page.
 */
export function Table<Row>({ label, columns, rows, rowKey, total, onNearEnd }: TableProps<Row>) {
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
          if (row === undefined) return null;
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
