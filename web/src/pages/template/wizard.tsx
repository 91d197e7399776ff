import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { CustomField, Entity, FormDecorator, Integration, ParameterSchema, TemplateStep } from '@/api/types';
import { Decorators, decoratorsOf } from './decorators';
import type { WizardContext } from './form/context';
import { createsRepository, traceOf } from './intent';
import { PageStep } from './page-step';
import { type Page, pageId, problemsOn, shownPages, shownValues } from './pages';
import { Progress } from './progress';
import { Review } from './review';
import { useValues } from './use-values';

const route = getRouteApi('/create/templates/$namespace/$name');

interface WizardProps {
  /** The signed-in user, to whom the draft belongs. */
  user: string;
  templateRef: string;
  parameters: ParameterSchema;
  template: Entity | undefined;
  /** All pages; some are shown only with some values. */
  pages: readonly Page[];
  owners: readonly string[];
  integrations: readonly Integration[];
  customFields: readonly CustomField[];
  formDecorators: readonly FormDecorator[];
}

/** A template's pages, then the review. The URL has the page, a draft the values. */
export function Wizard(props: WizardProps) {
  const {
    user,
    templateRef,
    parameters,
    template,
    pages: all,
    owners,
    integrations,
    customFields,
    formDecorators,
  } = props;
  const { page: wanted = 1 } = route.useSearch();
  const navigate = route.useNavigate();
  const { values, change, startOver, sent } = useValues(user, templateRef, all);
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  // A counter, so that a reset page has no touched fields.
  const [beginnings, setBeginnings] = useState(0);
  const pages = useMemo(() => shownPages(all, values), [all, values]);
  const problems = useMemo(
    () => pages.map((page) => problemsOn(page, values, integrations)),
    [pages, values, integrations],
  );

  // The URL may name a page although earlier pages are incomplete, for example after a reload, because
  // secrets are not stored.
  const firstIncomplete = problems.findIndex((found) => found.length > 0);
  const reachable = firstIncomplete < 0 ? pages.length : firstIncomplete;
  const current = Math.min(wanted - 1, reachable, pages.length);
  const page = pages[current];
  const go = (index: number) => navigate({ search: (search) => ({ ...search, page: index + 1 }) });

  // The URL is updated, because the form would otherwise skip to its page as soon as this one is complete.
  useEffect(() => {
    if (wanted - 1 > current) navigate({ search: (search) => ({ ...search, page: current + 1 }), replace: true });
  }, [wanted, current, navigate]);

  const steps = (template?.spec?.steps ?? []) as TemplateStep[];
  const turn = `${beginnings} ${current}`;
  useFocusOnTurn(turn);

  const context: WizardContext = {
    integrations,
    customFields,
    owners,
    createsRepository: steps.some(({ action }) => traceOf(action) === createsRepository),
    values,
    secrets,
    setSecret: (name, value) => setSecrets((before) => ({ ...before, [name]: value })),
  };
  const empty = () => {
    startOver?.();
    setSecrets({});
    setBeginnings(beginnings + 1);
  };
  const labels = parameters.presentation?.buttonLabels;
  return (
    <div className="space-y-6">
      <Progress titles={[...pages.map(({ title }) => title), 'Review']} current={current} reachable={reachable} />
      {page ? (
        <PageStep
          key={turn}
          page={page}
          problems={problems[current] ?? []}
          values={values}
          context={context}
          onChange={change}
          onNext={() => go(current + 1)}
          {...(current > 0 && { onBack: () => go(current - 1) })}
          {...(startOver && { onStartOver: empty })}
          backLabel={labels?.backButtonText ?? 'Back'}
          nextLabel={current === pages.length - 1 ? (labels?.reviewButtonText ?? 'Review') : 'Next'}
        />
      ) : (
        <Review
          before={
            <Decorators
              ids={decoratorsOf(parameters)}
              configured={formDecorators}
              secrets={secrets}
              setSecret={context.setSecret}
            />
          }
          templateRef={templateRef}
          title={parameters.title}
          template={template}
          pages={pages}
          values={shownValues(all, pages, values)}
          secrets={given(secrets)}
          createLabel={labels?.createButtonText ?? 'Create'}
          backLabel={labels?.backButtonText ?? 'Back'}
          onPage={go}
          onSent={sent}
        />
      )}
    </div>
  );
}

/** Secrets without those that were emptied again. */
function given(secrets: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).filter(([, secret]) => secret !== ''));
}

/** Moves the focus to the new page, because the focused button was on the page before. */
function useFocusOnTurn(turn: string) {
  const shown = useRef(turn);
  useEffect(() => {
    if (shown.current === turn) return;
    shown.current = turn;
    if (document.activeElement === document.body) document.getElementById(pageId)?.focus({ preventScroll: true });
  }, [turn]);
}
