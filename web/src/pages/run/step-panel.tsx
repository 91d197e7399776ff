import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useSyncExternalStore } from 'react';
import { actionsQuery } from '@/api/queries';
import type { JsonObject, RunDetail, RunStep, TemplateStep } from '@/api/types';
import { Effects, made } from '@/run/effects';
import type { RunLog } from '@/run/log';
import { stepLook } from '@/run/status';
import type { Connection } from '@/run/use-run-log';
import { type RunView, runViews } from '@/search-params';
import { Markdown } from '@/ui/markdown';
import { Source } from '@/ui/source';
import { State } from '@/ui/state';
import { Empty } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { Duration, RelativeTime } from '@/ui/time';
import { LogView } from './log-view';
import { wholeRun } from './selection';

const route = getRouteApi('/runs/$id');

/** The log shrinks to the available height; everything else keeps its own. */
const panelLook = 'flex min-h-0 flex-col gap-3';

interface LogProps {
  log: RunLog;
  connection: Connection;
}

interface StepPanelProps extends LogProps {
  run: RunDetail;
  step: RunStep;
  /** The step in the template, before its expressions are evaluated. */
  written: TemplateStep | undefined;
}

/** One step: its action, input, output and log. */
export function StepPanel({ run, step, written, log, connection }: StepPanelProps) {
  const { view = step.status === 'open' ? 'input' : 'log' } = route.useSearch();
  const lines = useSyncExternalStore(log.subscribe, () => log.ofStep(step.id));
  const effects = made(run.effects).filter((effect) => effect.stepId === step.id);
  return (
    <section aria-label={`Step ${step.name}`} className={panelLook}>
      <header>
        <h2 className="flex flex-wrap items-center gap-x-3">
          {step.name}
          <span className="flex font-normal">
            <State look={stepLook(step)} />
          </span>
        </h2>
        <About step={step} written={written} />
      </header>
      {!isSaidAbove(run, step) && <Failure step={step} />}
      {effects.length > 0 && <Effects effects={effects} />}
      <Views run={run} step={step.id} current={view} />
      {view === 'log' && <LogView lines={lines} connection={connection} name={step.name} />}
      {view === 'input' && <Input step={step} written={written} />}
      {view === 'output' && (
        <Values
          label="the output"
          value={step.output}
          none="This step has given nothing yet, or has nothing to give."
        />
      )}
    </section>
  );
}

interface RunPanelProps extends LogProps {
  run: RunDetail;
  parameters: JsonObject | undefined;
}

/** The run itself: its values, output and log. */
export function RunPanel({ run, parameters, log, connection }: RunPanelProps) {
  const { view = 'log' } = route.useSearch();
  const lines = useSyncExternalStore(log.subscribe, log.all);
  return (
    <section aria-label="The whole run" className={panelLook}>
      <h2>The whole run</h2>
      <Views run={run} step={wholeRun} current={view} />
      {view === 'log' && <LogView lines={lines} connection={connection} name="the run" />}
      {view === 'input' && <Values label="the values" value={parameters} none="This run was given no values." />}
      {view === 'output' && <Values label="the output" value={run.output} none="This run has given nothing yet." />}
    </section>
  );
}

/** Whether the panel that asks for a decision already says why the step failed. */
function isSaidAbove(run: RunDetail, step: RunStep): boolean {
  return run.phase === 'parked' && run.error?.stepId === step.id;
}

function Took({ step }: { step: RunStep }) {
  if (!step.startedAt || step.status === 'skipped') return null;
  return (
    <>
      {' · '}
      <Duration from={step.startedAt} to={step.endedAt} />
      {step.attempts !== undefined && step.attempts > 1 && ` · ${step.attempts} attempts`}
      {' · started '}
      <RelativeTime at={step.startedAt} />
    </>
  );
}

function About({ step, written }: { step: RunStep; written: TemplateStep | undefined }) {
  const { data: actions } = useQuery(actionsQuery);
  const description = actions?.find((action) => action.id === step.action)?.description;
  return (
    <div className="mt-0.5 space-y-1 text-muted">
      <p className="text-small">
        <Link
          to="/create/actions/$id"
          params={{ id: step.action }}
          className="font-mono hover:text-ink hover:underline"
        >
          {step.action}
        </Link>
        <Took step={step} />
        {written?.if !== undefined && (
          <>
            {' · only if '}
            <code className="font-mono wrap-anywhere">{String(written.if)}</code>
          </>
        )}
      </p>
      {description && <Markdown>{description}</Markdown>}
    </div>
  );
}

/** Why the step failed. Of one that was cancelled, its state says all. */
function Failure({ step }: { step: RunStep }) {
  if (!step.error || step.status === 'cancelled') return null;
  const error = typeof step.error === 'string' ? { message: step.error, next: undefined } : step.error;
  return (
    <div className="border-l-2 border-failed pl-3">
      <p className="wrap-anywhere whitespace-pre-wrap">{error.message}</p>
      {error.next && <p className="text-muted">{error.next}</p>}
    </div>
  );
}

const viewLabels: Record<RunView, string> = { log: 'Log', input: 'Input', output: 'Output' };

function Views({ run, step, current }: { run: RunDetail; step: string; current: RunView }) {
  return (
    <Tabs label="Parts of the step">
      {runViews.map((view) => (
        <Tab
          key={view}
          to="/runs/$id"
          params={{ id: run.id }}
          search={{ step, view }}
          resetScroll={false}
          replace
          current={view === current}
        >
          {viewLabels[view]}
        </Tab>
      ))}
    </Tabs>
  );
}

function Input({ step, written }: { step: RunStep; written: TemplateStep | undefined }) {
  if (step.input) return <Source label="the input" value={step.input} />;
  if (!written?.input) return <Empty title="This step takes no input." />;
  return (
    <div className="space-y-2">
      <p className="text-muted">As the template has it; the expressions are evaluated when the step begins.</p>
      <Source label="the input" value={written.input} />
    </div>
  );
}

function Values({ label, value, none }: { label: string; value: JsonObject | undefined; none: ReactNode }) {
  if (!value || Object.keys(value).length === 0) return <p className="py-2 text-muted">{none}</p>;
  return <Source label={label} value={value} />;
}
