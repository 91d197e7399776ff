import { type ReactNode, type RefObject, useEffect, useRef } from 'react';
import { isLive } from '@/api/queries';
import type { RunDetail, RunStep } from '@/api/types';
import { runLook, stepLook } from '@/run/status';
import { classNames } from '@/ui/class-names';
import { useNow } from '@/ui/clock';
import { formatAbsolute, formatCounting, formatDuration } from '@/ui/format';
import { StateIcon } from '@/ui/state';
import { CurrentLink } from '@/ui/tabs';
import { Duration } from '@/ui/time';
import { layOut, type Span } from './scale';
import { rowInView, wholeRun } from './selection';

const tick = 250;

/** The run and its steps in order, each with its state and, on one common scale, when it ran and how long. */
export function Timeline({ run, selected }: { run: RunDetail; selected: string }) {
  const now = useNow(isLive(run.phase) ? tick : undefined);
  const list = useRef<HTMLOListElement>(null);
  useInView(list, rowInView(run, selected));
  const spans = layOut(run.steps, now);
  return (
    <nav aria-label="Steps" className="flex min-h-0 flex-col">
      <ol ref={list} className="relative -mx-2 min-h-0 overflow-y-auto px-2 pb-1">
        <li className="mb-1 border-b pb-1">
          <Row runId={run.id} step={wholeRun} selected={selected === wholeRun}>
            <StateIcon look={runLook(run)} />
            <span className="min-w-0 grow font-medium">The whole run</span>
            <Took>
              <Duration from={run.timedFrom} to={run.finishedAt} />
            </Took>
          </Row>
        </li>
        {run.steps.map((step) => (
          <li key={step.id}>
            <StepRow runId={run.id} step={step} span={spans.get(step.id)} now={now} selected={step.id === selected} />
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** Scrolls a list so that a row and the next one are visible, without scrolling the page. */
function useInView(list: RefObject<HTMLElement | null>, index: number) {
  useEffect(() => {
    const box = list.current;
    const row = box?.children[index];
    if (!box || !(row instanceof HTMLElement)) return;
    const above = row.offsetTop - row.offsetHeight;
    const below = row.offsetTop + 2 * row.offsetHeight - box.clientHeight;
    box.scrollTop = Math.min(Math.max(box.scrollTop, below), above);
  }, [list, index]);
}

interface RowProps {
  runId: string;
  step: string;
  selected: boolean;
  children: ReactNode;
}

function Row({ runId, step, selected, children }: RowProps) {
  return (
    <CurrentLink
      to="/runs/$id"
      params={{ id: runId }}
      search={{ step }}
      hash="step"
      resetScroll={false}
      current={selected}
      className="flex flex-wrap items-center gap-x-2.5 rounded-md px-2 py-1.5 hover:bg-hover aria-[current]:bg-selected"
    >
      {children}
    </CurrentLink>
  );
}

interface StepRowProps {
  runId: string;
  step: RunStep;
  span: Span | undefined;
  now: Date;
  selected: boolean;
}

function StepRow({ runId, step, span, now, selected }: StepRowProps) {
  const look = stepLook(step);
  const idle = step.status === 'open' || step.status === 'skipped';
  return (
    <Row runId={runId} step={step.id} selected={selected}>
      <StateIcon look={look} />
      <span className="sr-only">{look.word}: </span>
      <span title={step.name} className={classNames('min-w-0 grow basis-0 truncate', idle && 'text-muted')}>
        {step.name}
      </span>
      <Note step={step} now={now} />
      <Took>{timeOf(step, span)}</Took>
      <span aria-hidden className="relative mt-1 ml-[26px] block h-[3px] basis-full rounded-full bg-hover">
        {span && (
          <span
            className={classNames('absolute inset-y-0 min-w-[3px] rounded-full bg-current', look.colour)}
            style={{ left: `min(${span.start * 100}%, 100% - 3px)`, width: `${span.share * 100}%` }}
          />
        )}
      </span>
    </Row>
  );
}

function Took({ children }: { children: ReactNode }) {
  return <span className="shrink-0 text-small whitespace-nowrap text-muted">{children}</span>;
}

function timeOf(step: RunStep, span: Span | undefined): string | undefined {
  if (step.status === 'skipped') return 'skipped';
  if (!span) return undefined;
  return step.endedAt ? formatDuration(span.duration) : formatCounting(span.duration);
}

/** The wait of a step, or its number of attempts. */
function Note({ step, now }: { step: RunStep; now: Date }) {
  const left = step.waitingUntil ? new Date(step.waitingUntil).getTime() - now.getTime() : 0;
  if (step.status === 'processing' && step.waitingUntil && left > 0) {
    return (
      <span title={`until ${formatAbsolute(new Date(step.waitingUntil))}`} className={noteLook}>
        {formatCounting(left + 999)} left
      </span>
    );
  }
  if (step.attempts === undefined || step.attempts < 2) return null;
  return <span className={noteLook}>{step.endedAt ? `${step.attempts} attempts` : `attempt ${step.attempts}`}</span>;
}

const noteLook = 'shrink-0 text-small whitespace-nowrap text-waiting';
