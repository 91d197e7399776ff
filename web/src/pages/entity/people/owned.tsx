import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { KindIcon } from '@/entity/kind-icon';
import { kindLabel } from '@/entity/ref';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { Section } from '../section';
import { ownedQuery } from './queries';

interface OwnedProps {
  /** The entity by itself. */
  own: string;
  /** It and the groups that count with it, if there are any. */
  wider: readonly string[] | undefined;
  /** Whether it is still to be known who that is. */
  pending: boolean;
  /** What the wider counts are. */
  widerLabel: string;
}

/** With more owners than this, the address of the catalog that lists what they own would be too long. */
const mostInAddress = 40;

/** What somebody owns, by kind, with links to the lists. */
export function Owned({ own, wider, pending, widerLabel }: OwnedProps) {
  const alone = useQuery(ownedQuery([own]));
  const together = useQuery({ ...ownedQuery(wider ?? []), enabled: wider !== undefined });
  const error = alone.error ?? together.error;
  if (error) {
    return (
      <Section title="Owns">
        <div className="pt-3">
          <ErrorPanel error={error} doing="count what is owned" onRetry={() => alone.refetch()} />
        </div>
      </Section>
    );
  }
  if (!alone.data || pending || (wider && !together.data)) {
    return (
      <Section title="Owns">
        <Skeleton />
      </Section>
    );
  }
  const kinds = [...new Set([...Object.keys(alone.data), ...Object.keys(together.data ?? {})])].sort();
  return (
    <Section title="Owns">
      {kinds.length === 0 ? (
        <p className="pt-3 text-muted">Nothing.</p>
      ) : (
        <table className="w-full max-w-md border-collapse">
          <thead>
            <tr className="text-left text-small text-muted">
              <th scope="col" className="py-1.5 font-normal">
                Kind
              </th>
              <th scope="col" className="py-1.5 pl-4 text-right font-normal">
                {wider ? 'By itself' : 'Number'}
              </th>
              {wider && (
                <th scope="col" className="py-1.5 pl-4 text-right font-normal">
                  {widerLabel}
                </th>
              )}
            </tr>
          </thead>
          <tbody className="divide-y border-t">
            {kinds.map((kind) => (
              <tr key={kind}>
                <th scope="row" className="py-1.5 font-normal">
                  <span className="flex items-center gap-2">
                    <KindIcon kind={kind} />
                    {kindLabel(kind)}
                  </span>
                </th>
                <Count kind={kind} count={alone.data[kind] ?? 0} owners={[own]} />
                {wider && <Count kind={kind} count={together.data?.[kind]} owners={wider} />}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function Count({ kind, count, owners }: { kind: string; count: number | undefined; owners: readonly string[] }) {
  return <td className="py-1.5 pl-4 text-right tabular-nums">{countText(kind, count, owners)}</td>;
}

function countText(kind: string, count: number | undefined, owners: readonly string[]): ReactNode {
  if (count === undefined) return null;
  const text = count.toLocaleString('en');
  if (count === 0 || owners.length > mostInAddress) return text;
  return (
    <Link
      to="/catalog"
      search={{ kind, owner: [...owners] }}
      aria-label={`${text} ${kindLabel(kind)}`}
      className="text-accent hover:underline"
    >
      {text}
    </Link>
  );
}
