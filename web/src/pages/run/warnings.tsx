import { Link } from '@tanstack/react-router';
import { TriangleAlert } from 'lucide-react';
import { useMemo, useSyncExternalStore } from 'react';
import type { RunDetail } from '@/api/types';
import type { RunLog } from '@/run/log';
import { warningsOf } from '@/run/warnings';

interface WarningsProps {
  run: Pick<RunDetail, 'id' | 'steps'>;
  log: RunLog;
}

/** The warnings in the run's log, because among thousands of lines nobody would see them. */
export function Warnings({ run, log }: WarningsProps) {
  const lines = useSyncExternalStore(log.subscribe, log.all);
  const warnings = useMemo(() => warningsOf(lines), [lines]);
  if (warnings.length === 0) return null;
  const names = new Map(run.steps.map((step) => [step.id, step.name]));
  return (
    <section aria-labelledby="warnings" className="flex shrink-0 flex-col panes:max-h-1/3">
      <h2 id="warnings" className="flex items-baseline justify-between border-b pb-1.5">
        Warnings
        <span className="text-small font-normal text-muted">{warnings.length}</span>
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <ul aria-labelledby="warnings" tabIndex={0} className="min-h-0 divide-y overflow-y-auto">
        {warnings.map(({ key, stepId, text, times }) => (
          <li key={key} className="flex items-start gap-2 py-1.5">
            <TriangleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-waiting" />
            <div className="min-w-0">
              <p className="wrap-anywhere whitespace-pre-wrap">{text}</p>
              <p className="text-small text-muted">
                {stepId !== undefined && (
                  <Link to="/runs/$id" params={{ id: run.id }} search={{ step: stepId }} className="hover:underline">
                    {names.get(stepId) ?? stepId}
                  </Link>
                )}
                {times > 1 && ` ${times} times`}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
