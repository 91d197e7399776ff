import { useMemo } from 'react';
import type { RunSummary } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { plural } from '@/ui/format';
import { type Column, Table } from '@/ui/table';
import { groupByCause } from './group-by-cause';

/** Failed runs, grouped by what made them fail; the most frequent cause first. */
export function Causes({ runs, columns }: { runs: readonly RunSummary[]; columns: readonly Column<RunSummary>[] }) {
  const causes = useMemo(() => groupByCause(runs), [runs]);
  return (
    <div className="space-y-6">
      {causes.map(({ key, message, step, templateRef, runs: alike }) => (
        <section key={key} aria-label={message}>
          <h2 className="wrap-anywhere">{message}</h2>
          <p className="flex flex-wrap items-center gap-x-1.5 text-muted">
            {plural(alike.length, 'run')} of <EntityLink entityRef={templateRef} defaultKind="template" />
            {step && `at ${step}`}
          </p>
          <div className="mt-2">
            <Table label={message} columns={columns} rows={alike} rowKey={(run) => run.id} />
          </div>
        </section>
      ))}
    </div>
  );
}
