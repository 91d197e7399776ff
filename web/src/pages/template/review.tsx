import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ArrowLeft, Play } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '@/api/errors';
import { createTask } from '@/api/templates';
import type { Entity, JsonObject, TemplateStep } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { GuardedButton } from '@/policy/denied';
import { Button } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { ErrorPanel } from '@/ui/states';
import { intentOf, traceOf, willRun } from './intent';
import { type Page, pageId } from './pages';
import { type ReviewRow, reviewRows } from './review-rows';

interface ReviewProps {
  templateRef: string;
  title: string;
  template: Entity | undefined;
  pages: readonly Page[];
  values: JsonObject;
  secrets: Readonly<Record<string, string>>;
  createLabel: string;
  backLabel: string;
  /** What the person does or reads before the run starts. */
  before?: ReactNode;
  onPage: (index: number) => void;
  onSent: () => void;
}

/** The review: what will be created, with which values and steps. */
export function Review({
  templateRef,
  title,
  template,
  pages,
  values,
  secrets,
  createLabel,
  backLabel,
  before,
  onPage,
  onSent,
}: ReviewProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const create = useCommand(() => createTask(templateRef, parametersOf(pages, values), secrets), {
    // Busy until the run's page is shown, so that the button cannot be pressed again.
    onSuccess: ({ id }) => {
      onSent();
      queries.invalidateQueries({ queryKey: ['runs'] });
      queries.invalidateQueries({ queryKey: ['run-pages'] });
      return navigate({ to: '/runs/$id', params: { id } });
    },
  });
  const steps = (template?.spec?.steps ?? []) as TemplateStep[];
  return (
    <section id={pageId} tabIndex={-1} aria-label="Review" className="space-y-6 outline-none">
      <Sentence title={title} pages={pages} values={values} />
      {pages.map((page, index) => (
        <PageSummary key={page.title} page={page} values={values} onEdit={() => onPage(index)} />
      ))}
      {steps.length > 0 && <Steps steps={steps} values={values} />}
      {before}
      {create.error && <Refused error={create.error} pages={pages} onPage={onPage} />}
      <footer className="flex items-center justify-between gap-2 border-t pt-4">
        {pages.length > 0 ? (
          <Button icon={ArrowLeft} onClick={() => onPage(pages.length - 1)}>
            {backLabel}
          </Button>
        ) : (
          <span />
        )}
        <GuardedButton
          needs={{ permission: 'scaffolder.task.create' }}
          tone="primary"
          icon={Play}
          busy={create.busy}
          onClick={create.start}
        >
          {createLabel}
        </GuardedButton>
      </footer>
    </section>
  );
}

function parametersOf(pages: readonly Page[], values: JsonObject): JsonObject {
  const secretOnly = new Set(
    pages.filter((page) => page.secretsOnly).flatMap((page) => Object.keys(page.schema.properties ?? {})),
  );
  return Object.fromEntries(Object.entries(values).filter(([name]) => !secretOnly.has(name)));
}

function Sentence({ title, pages, values }: { title: string; pages: readonly Page[]; values: JsonObject }) {
  const { what, owner, where } = intentOf(pages, values);
  return (
    <p className="text-title font-normal text-muted">
      <Strong>{title}</Strong> will {what ? 'make ' : 'run'}
      {what && <Strong>{what}</Strong>}
      {owner && (
        <>
          {' '}
          for <Strong>{owner}</Strong>
        </>
      )}
      {where && (
        <>
          {' '}
          in <Strong>{where}</Strong>
        </>
      )}
      .
    </p>
  );
}

function Strong({ children }: { children: string }) {
  return <strong className="font-semibold wrap-anywhere text-ink">{children}</strong>;
}

function PageSummary({ page, values, onEdit }: { page: Page; values: JsonObject; onEdit: () => void }) {
  const rows = reviewRows(page, values);
  return (
    <section aria-label={page.title}>
      <div className="flex items-baseline justify-between border-b pb-1.5">
        <h2>{page.title}</h2>
        <button type="button" onClick={onEdit} className="text-small text-muted hover:text-ink">
          Change<span className="sr-only"> {page.title}</span>
        </button>
      </div>
      {rows.length === 0 ? <p className="py-2 text-muted">Nothing was chosen here.</p> : <Rows rows={rows} />}
    </section>
  );
}

function Rows({ rows }: { rows: readonly ReviewRow[] }) {
  return (
    <dl className="divide-y">
      {rows.map(({ key, label, value }) => (
        <div key={key} className="grid gap-x-6 py-1.5 sm:grid-cols-[200px_minmax(0,1fr)]">
          <dt className="text-muted wrap-anywhere">{label}</dt>
          <dd className="wrap-anywhere whitespace-pre-wrap">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Steps({ steps, values }: { steps: readonly TemplateStep[]; values: JsonObject }) {
  return (
    <section aria-label="What will happen">
      <h2 className="border-b pb-1.5">What will happen</h2>
      <ol className="divide-y">
        {steps.map((step, index) => (
          <StepLine key={step.id ?? `step-${index + 1}`} step={step} place={index + 1} runs={willRun(step, values)} />
        ))}
      </ol>
      <p className="mt-2 text-muted">
        If a step fails, the run stops there and waits: it can go on from that step, or undo what it created.
      </p>
    </section>
  );
}

function StepLine({ step, place, runs }: { step: TemplateStep; place: number; runs: boolean | undefined }) {
  const trace = traceOf(step.action);
  const skipped = runs === false;
  return (
    <li className={classNames('flex flex-wrap items-baseline gap-x-3 py-1.5', skipped && 'text-muted')}>
      <span className="w-5 text-right text-small text-muted">{place}</span>
      <span className={classNames(skipped && 'line-through')}>{step.name ?? step.action}</span>
      {/* In a page of its own: secrets that were typed would be lost. */}
      <Link
        to="/create/actions/$id"
        params={{ id: step.action }}
        target="_blank"
        className="font-mono text-small text-muted hover:text-ink hover:underline"
      >
        {step.action}
      </Link>
      <span className="ml-auto text-small">
        {skipped && 'skipped with these values'}
        {!skipped && trace}
        {runs === undefined && <span className="text-muted">{trace && ', '}if its condition holds</span>}
      </span>
    </li>
  );
}

/** The server validates again. Its errors lead back to their page. */
function Refused({ error, pages, onPage }: { error: Error; pages: readonly Page[]; onPage: (index: number) => void }) {
  const fields = error instanceof ApiError ? [...error.fields] : [];
  const placed = fields.map(([path, message]) => ({ path, message, page: pageWith(pages, path) }));
  if (placed.length === 0) return <ErrorPanel error={error} doing="start the run" />;
  return (
    <div role="alert" className="border-l-2 border-failed pl-3">
      <p className="font-medium">The values were refused</p>
      <ul className="mt-1 space-y-1">
        {placed.map(({ path, message, page }) => (
          <li key={path + message}>
            {path && <code className="font-mono text-small">{path}</code>} {message}{' '}
            {page >= 0 && (
              <button type="button" onClick={() => onPage(page)} className="text-accent underline">
                Change it
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function pageWith(pages: readonly Page[], path: string): number {
  const [name = ''] = path.split('.');
  return pages.findIndex((page) => JSON.stringify(page.schema.properties ?? {}).includes(JSON.stringify(name)));
}
