import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { runCausesQuery } from '@/api/queries';
import type { RunSummary } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { type Column, Table } from '@/ui/table';

interface CausesProps {
  template?: string | undefined;
  createdBy?: string | undefined;
  columns: readonly Column<RunSummary>[];
}

/** All failed runs, grouped by cause: the most frequent first, each with its newest runs. */
export function Causes({ template, createdBy, columns }: CausesProps) {
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    runCausesQuery({ ...(template && { template }), ...(createdBy && { createdBy }) }),
  );
  if (error && !data) return <ErrorPanel error={error} doing="group the failed runs" onRetry={() => refetch()} />;
  if (!data) return <Skeleton lines={8} />;
  const causes = data.pages.flatMap((page) => page.causes);
  if (causes.length === 0) return <Empty title="No run has failed." />;
  return (
    <div className="space-y-6">
      {causes.map((cause) => (
        <section key={cause.id} aria-label={cause.message}>
          <h2 className="wrap-anywhere">{cause.message || 'Failed without a message'}</h2>
          <p className="flex flex-wrap items-center gap-x-1.5 text-muted">
            <Link to="/runs" search={{ phase: 'parked', cause: cause.id }} className="text-accent underline">
              {plural(cause.count, 'run')}
            </Link>
            of <EntityLink entityRef={cause.templateRef} defaultKind="template" title={cause.title} />
            {(cause.failedStepName || cause.failedStep) && `at ${cause.failedStepName || cause.failedStep}`}
          </p>
          <div className="mt-2">
            <Table label={cause.message} columns={columns} rows={cause.runs} rowKey={(run) => run.id} />
          </div>
        </section>
      ))}
      {hasNextPage && (
        <Button onClick={() => fetchNextPage()} disabled={isFetchingNextPage}>
          More causes
        </Button>
      )}
    </div>
  );
}
