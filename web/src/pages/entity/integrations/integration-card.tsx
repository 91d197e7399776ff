import { type UseQueryOptions, useQuery } from '@tanstack/react-query';
import { CircleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { ApiError } from '@/api/errors';
import type { Found } from '@/api/types';
import { useIsAllowed } from '@/policy/may';
import { Button } from '@/ui/button';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { isUnreachable } from '@/ui/unreachable';
import { Section } from '../section';

const lookEvery = 15_000;

interface IntegrationCardProps<Item> {
  title: string;
  /** The page of the other system about the entity. */
  href?: (items: readonly Item[]) => string | undefined;
  /** The permission that the question needs. Nothing is asked for somebody who does not have it. */
  needs: string;
  /** The question, such as ofEntityQuery. */
  query: Pick<UseQueryOptions<Found<Item>, Error, Found<Item>, string[]>, 'queryKey' | 'queryFn'>;
  children: (items: readonly Item[]) => ReactNode;
}

/**
 * What another system says about an entity. It is asked again while the page is visible. Where it says nothing, and
 * for somebody who may not see it, there is no card.
 */
export function IntegrationCard<Item>({ title, href, needs, query, children }: IntegrationCardProps<Item>) {
  const isAllowed = useIsAllowed({ permission: needs });
  const { data, error, refetch } = useQuery({
    ...query,
    enabled: isAllowed === true,
    refetchInterval: lookEvery,
  });
  if (isAllowed === false || isHidden(error)) return null;
  if (data === undefined) {
    if (!error) return <Skeleton />;
    return (
      <Section title={title}>
        <div className="pt-3">
          <ErrorPanel error={error} doing={`ask ${title}`} onRetry={() => refetch()} />
        </div>
      </Section>
    );
  }
  const problems = [...data.problems, ...outdated(error)];
  if (data.items.length === 0 && problems.length === 0) return null;
  return (
    <Section title={title} href={href?.(data.items)}>
      <Problems of={problems} onRetry={refetch} />
      {data.items.length > 0 && children(data.items)}
    </Section>
  );
}

/** Whether the answer is that the caller may not see this, or not even the entity. */
function isHidden(error: Error | null): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404);
}

type Problem = Found<unknown>['problems'][number];

/** Why an older answer is shown. The frame of the portal says so itself when the server does not answer. */
function outdated(error: Error | null): Problem[] {
  if (!error || isUnreachable(error)) return [];
  return [{ source: 'Portico', message: `What you see may be old. ${error.message}` }];
}

interface ProblemsProps {
  of: readonly Problem[];
  onRetry: () => Promise<unknown>;
}

/** What kept a source from being shown. What the others say is shown all the same. */
function Problems({ of, onRetry }: ProblemsProps) {
  const [busy, setBusy] = useState(false);
  if (of.length === 0) return null;
  const retry = () => {
    setBusy(true);
    onRetry().finally(() => setBusy(false));
  };
  return (
    <div className="space-y-2 border-b py-2">
      <ul className="space-y-2">
        {of.map(({ source, message }) => (
          <li key={`${source} ${message}`} className="flex gap-2">
            <CircleAlert size={16} aria-label="problem" className="mt-0.5 shrink-0 text-waiting" />
            <p className="min-w-0 wrap-anywhere">
              <span className="font-medium">{source}</span>: {message}
            </p>
          </li>
        ))}
      </ul>
      <Button busy={busy} onClick={retry}>
        Try again
      </Button>
    </div>
  );
}
