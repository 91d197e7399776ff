import { ArrowLeft, ArrowRight } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import type { JsonObject } from '@/api/types';
import { Button } from '@/ui/button';
import { Markdown } from '@/ui/markdown';
import { Skeleton } from '@/ui/states';
import { Attention } from './attention';
import { focusField, focusOn } from './focus-field';
import type { WizardContext } from './form/context';
import type { Problem } from './form/validate';
import { errorSchemaOf, fieldId, type Page, pageId } from './pages';
import { useTouched } from './use-touched';

const PageForm = lazy(() => import('./form/page-form'));

interface PageStepProps {
  page: Page;
  problems: readonly Problem[];
  values: JsonObject;
  context: WizardContext;
  onChange: (values: JsonObject) => void;
  onNext: () => void;
  onBack?: () => void;
  /** Resets every page; undefined when all values are defaults. */
  onStartOver?: () => void;
  backLabel: string;
  nextLabel: string;
}

const formId = 'template-form';

/** One page of the form. It can be left only without errors. */
export function PageStep({ page, problems, values, context, ...props }: PageStepProps) {
  const { onChange, onNext, onBack, onStartOver, backLabel, nextLabel } = props;
  const section = useRef<HTMLElement>(null);
  const [touched, touch] = useTouched();
  const [attempts, setAttempts] = useState(0);
  const attempted = attempts > 0;
  // A field shows its errors after it was touched, and all fields after an attempt to go on.
  const errors = useMemo(
    () => errorSchemaOf(problems, (id) => attempted || touched.has(id)),
    [problems, attempted, touched],
  );
  const submit = () => {
    if (problems.length === 0) return onNext();
    setAttempts(attempts + 1);
  };
  const first = problems[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt leads to what was wrong then
  useEffect(() => {
    if (!attempted || !first) return;
    const wrong = section.current?.querySelector<HTMLElement>('[aria-invalid]');
    if (wrong) focusOn(wrong);
    else focusField(fieldId(first.path));
  }, [attempts]);
  const general = attempted ? problems.filter(({ path }) => path.length === 0) : [];

  return (
    <section ref={section} id={pageId} tabIndex={-1} aria-labelledby="page-title" className="space-y-5 outline-none">
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
      <footer className="flex flex-wrap items-center justify-end gap-2 border-t pt-4">
        {onBack && (
          <Button icon={ArrowLeft} onClick={onBack}>
            {backLabel}
          </Button>
        )}
        <span className="grow" />
        {onStartOver && (
          <Button tone="quiet" title="Empties every page of the form" onClick={onStartOver}>
            Start over
          </Button>
        )}
        <Button type="submit" form={formId} tone="primary">
          {nextLabel}
          <ArrowRight size={16} aria-hidden />
        </Button>
      </footer>
      <Attention page={page} problems={attempted ? problems : []} />
    </section>
  );
}
