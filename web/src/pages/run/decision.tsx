import type { RunDetail } from '@/api/types';
import { RelativeTime } from '@/ui/time';
import { Moves } from './moves';

/** A run that waits for a person: what happened, to what, why, and what each move will do. */
export function Decision({ run }: { run: RunDetail }) {
  if (run.phase !== 'parked') return null;
  const step = run.steps.find((candidate) => candidate.id === (run.error?.stepId ?? run.failedStep));
  return (
    <section aria-labelledby="decision" className="rounded-md border border-l-2 border-l-failed p-4">
      <h2 id="decision">
        {step ? `“${step.name}” failed` : 'The run failed'}
        {step?.endedAt && (
          <span className="font-normal text-muted">
            {' '}
            <RelativeTime at={step.endedAt} />
          </span>
        )}
        {step?.attempts !== undefined && step.attempts > 1 && (
          <span className="font-normal text-muted">, after {step.attempts} attempts</span>
        )}
      </h2>
      {run.error && (
        <>
          <p className="mt-1 max-w-[90ch] wrap-anywhere whitespace-pre-wrap">{run.error.message}</p>
          {run.error.next && <p className="mt-1 max-w-[90ch] wrap-anywhere text-muted">{run.error.next}</p>}
        </>
      )}
      <div className="mt-4">
        <Moves run={run} explained />
      </div>
    </section>
  );
}
