import { getRouteApi } from '@tanstack/react-router';
import { ArrowLeft, ArrowRight } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import type { Entity, Integration, JsonObject, ParameterSchema } from '@/api/types';
import { Button } from '@/ui/button';
import { Markdown } from '@/ui/markdown';
import { Skeleton } from '@/ui/states';
import { loadDraft, readFormData, saveDraft } from './draft';
import type { WizardContext } from './form/context';
import { errorSchemaOf, fieldId, type Page, problemsOn, secretNames, withDefaults } from './pages';
import { Progress } from './progress';
import { Review } from './review';

const PageForm = lazy(() => import('./form/page-form'));
const route = getRouteApi('/create/templates/$namespace/$name');

interface WizardProps {
  templateRef: string;
  parameters: ParameterSchema;
  template: Entity | undefined;
  pages: readonly Page[];
  owners: readonly string[];
  integrations: readonly Integration[];
}

/** A template's pages one after the other, then the review. The address holds the page, the tab the values. */
export function Wizard({ templateRef, parameters, template, pages, owners, integrations }: WizardProps) {
  const { page: wanted = 1, formData } = route.useSearch();
  const navigate = route.useNavigate();
  const names = useMemo(() => secretNames(pages), [pages]);
  const fresh = useMemo(() => withDefaults(pages, {}), [pages]);
  const [values, setValues] = useState(() =>
    withDefaults(pages, readFormData(formData) ?? loadDraft(templateRef) ?? {}),
  );
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [beginnings, setBeginnings] = useState(0);
  const problems = useMemo(() => pages.map((page) => problemsOn(page, values)), [pages, values]);

  // An address may ask for a page whose predecessors are not filled in yet, for instance after a reload: secrets are
  // not kept.
  const firstIncomplete = problems.findIndex((found) => found.length > 0);
  const reachable = firstIncomplete < 0 ? pages.length : firstIncomplete;
  const current = Math.min(wanted - 1, reachable, pages.length);
  const page = pages[current];
  const go = (index: number) => navigate({ search: (search) => ({ ...search, page: index + 1 }) });

  // The address follows, or the form would run ahead to the page it names as soon as this one is filled in.
  useEffect(() => {
    if (wanted - 1 > current) navigate({ search: (search) => ({ ...search, page: current + 1 }), replace: true });
  }, [wanted, current, navigate]);

  useEffect(() => saveDraft(templateRef, values, names), [templateRef, values, names]);

  const context: WizardContext = {
    integrations,
    owners,
    secrets,
    setSecret: (name, value) => setSecrets((before) => ({ ...before, [name]: value })),
  };
  const change = (next: JsonObject) => {
    setValues(next);
    // The values of the address would take the place of what is typed now when the page is loaded again.
    if (formData) navigate({ search: ({ formData: _, ...rest }) => rest, replace: true, resetScroll: false });
  };
  const startOver = () => {
    setValues(fresh);
    setSecrets({});
    setBeginnings(beginnings + 1);
    navigate({ search: {} });
  };
  const labels = parameters.presentation?.buttonLabels;
  return (
    <div className="space-y-6">
      <Progress titles={[...pages.map(({ title }) => title), 'Review']} current={current} reachable={reachable} />
      {page ? (
        <PageStep
          key={`${beginnings} ${current}`}
          page={page}
          problems={problems[current] ?? []}
          values={values}
          context={context}
          onChange={change}
          onNext={() => go(current + 1)}
          {...(current > 0 && { onBack: () => go(current - 1) })}
          {...(!sameValues(values, fresh) && { onStartOver: startOver })}
          backLabel={labels?.backButtonText ?? 'Back'}
          nextLabel={current === pages.length - 1 ? (labels?.reviewButtonText ?? 'Review') : 'Next'}
        />
      ) : (
        <Review
          templateRef={templateRef}
          title={parameters.title}
          template={template}
          pages={pages}
          values={values}
          secrets={secrets}
          createLabel={labels?.createButtonText ?? 'Create'}
          backLabel={labels?.backButtonText ?? 'Back'}
          onPage={go}
        />
      )}
    </div>
  );
}

function sameValues(a: JsonObject, b: JsonObject): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

interface PageStepProps {
  page: Page;
  problems: ReturnType<typeof problemsOn>;
  values: JsonObject;
  context: WizardContext;
  onChange: (values: JsonObject) => void;
  onNext: () => void;
  onBack?: () => void;
  /** Empties every page; left out when they hold nothing but their defaults. */
  onStartOver?: () => void;
  backLabel: string;
  nextLabel: string;
}

const formId = 'template-form';

function PageStep({ page, problems, values, context, ...props }: PageStepProps) {
  const { onChange, onNext, onBack, onStartOver, backLabel, nextLabel } = props;
  const section = useRef<HTMLElement>(null);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [attempts, setAttempts] = useState(0);
  const attempted = attempts > 0;
  // A field is judged once it was touched, and every field once somebody tried to go on.
  const errors = useMemo(
    () => errorSchemaOf(problems, (id) => attempted || touched.has(id)),
    [problems, attempted, touched],
  );
  const touch = (id: string) => {
    if (!touched.has(id)) setTouched(new Set([...touched, id]));
  };
  const submit = () => {
    if (problems.length === 0) return onNext();
    setAttempts(attempts + 1);
  };
  const first = problems[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt leads to what was wrong then
  useEffect(() => {
    if (!attempted || !first) return;
    const wrong = section.current?.querySelector<HTMLElement>('[aria-invalid]');
    (wrong ?? document.getElementById(fieldId(first.path)))?.focus();
  }, [attempts]);
  const general = attempted ? problems.filter(({ path }) => path.length === 0) : [];

  return (
    <section ref={section} aria-labelledby="page-title" className="space-y-5">
      <header>
        <h2 id="page-title">{page.title}</h2>
        {page.description && (
          <div className="mt-1 text-muted">
            <Markdown>{page.description}</Markdown>
          </div>
        )}
      </header>
      <Suspense fallback={<Skeleton lines={6} />}>
        <PageForm
          id={formId}
          schema={page.schema}
          uiSchema={page.uiSchema}
          values={values}
          errors={errors}
          context={context}
          onChange={onChange}
          onTouch={touch}
          onSubmit={submit}
        />
      </Suspense>
      {general.map(({ message }) => (
        <p key={message} role="alert" className="text-failed">
          {message}
        </p>
      ))}
      <footer className="flex items-center gap-2 border-t pt-4">
        {onBack && (
          <Button icon={ArrowLeft} onClick={onBack}>
            {backLabel}
          </Button>
        )}
        {onStartOver && (
          <Button tone="quiet" title="Empties every page of the form" onClick={onStartOver}>
            Start over
          </Button>
        )}
        <span className="grow" />
        <Button type="submit" form={formId} tone="primary">
          {nextLabel}
          <ArrowRight size={16} aria-hidden />
        </Button>
      </footer>
      <p role="status" className="sr-only">
        {attempted && problems.length > 0 ? `${problems.length} fields need attention` : ''}
      </p>
    </section>
  );
}
