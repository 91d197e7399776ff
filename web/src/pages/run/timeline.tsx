import { ListTree } from 'lucide-react';
import { isLive } from '@/api/queries';
import type { RunDetail, RunStep } from '@/api/types';
import { StateIcon, stepLook } from '@/run/status';
import { classNames } from '@/ui/class-names';
import { useNow } from '@/ui/clock';
import { formatDuration } from '@/ui/format';
import { CurrentLink } from '@/ui/tabs';
import { layOut, type Span } from './scale';
import { wholeRun } from './selection';

const tick = 250;

/** The steps in order, each with its state and, on one common scale, when it ran and how long. */
export function Timeline({ run, selected }: { run: RunDetail; selected: string }) {
  const now = useNow(isLive(run.phase) ? tick : undefined);
  const spans = layOut(run.steps, now);
  return (
    <nav aria-label="Steps">
      <ol className="divide-y border-y">
        {run.steps.map((step) => (
          <li key={step.id}>
            <StepRow runId={run.id} step={step} span={spans.get(step.id)} selected={step.id === selected} />
          </li>
        ))}
        <li>
          <CurrentLink
            to="/runs/$id"
            params={{ id: run.id }}
            search={{ step: wholeRun }}
            hash="step"
            resetScroll={false}
            current={selected === wholeRun}
            className="flex items-center gap-2.5 px-2 py-2 hover:bg-hover aria-[current]:bg-selected"
          >
            <ListTree size={16} aria-hidden className="text-muted" />
            The whole run
          </CurrentLink>
        </li>
      </ol>
    </nav>
  );
}

interface StepRowProps {
  runId: string;
  step: RunStep;
  span: Span | undefined;
  selected: boolean;
}

function StepRow({ runId, step, span, selected }: StepRowProps) {
  const look = stepLook(step);
  const idle = step.status === 'open' || step.status === 'skipped';
  return (
    <CurrentLink
      to="/runs/$id"
      params={{ id: runId }}
      search={{ step: step.id }}
      hash="step"
      resetScroll={false}
      current={selected}
      className="block px-2 py-2 hover:bg-hover aria-[current]:bg-selected"
    >
      <span className="flex items-center gap-2.5">
        <StateIcon look={look} />
        <span className="sr-only">{look.word}: </span>
        <span className={classNames('min-w-0 grow truncate', idle ? 'text-muted' : 'font-medium')}>{step.name}</span>
        <span className="text-small whitespace-nowrap text-muted">
          {step.status === 'skipped' ? 'skipped' : span && formatDuration(span.duration)}
        </span>
      </span>
      <span className="mt-0.5 flex items-center gap-2.5 pl-[26px]">
        <code className="min-w-0 truncate font-mono text-small text-muted">{step.action}</code>
        <Attempts step={step} />
      </span>
      <span aria-hidden className="relative mt-1.5 ml-[26px] block h-1 rounded-full bg-hairline">
        {span && (
          <span
            className={classNames('absolute inset-y-0 min-w-[3px] rounded-full bg-current', look.colour)}
            style={{ left: `min(${span.start * 100}%, 100% - 3px)`, width: `${span.share * 100}%` }}
          />
        )}
      </span>
    </CurrentLink>
  );
}

function Attempts({ step }: { step: RunStep }) {
  if (step.waitingUntil && step.status === 'processing') {
    return (
      <span className="ml-auto text-small whitespace-nowrap text-waiting">
        until {new Date(step.waitingUntil).toLocaleTimeString()}
      </span>
    );
  }
  if (step.attempts === undefined || step.attempts < 2) return null;
  return <span className="ml-auto text-small whitespace-nowrap text-waiting">attempt {step.attempts}</span>;
}
