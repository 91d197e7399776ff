import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Entity, Integration, ParameterSchema, TemplateStep } from '@/api/types';
import type { WizardContext } from './form/context';
import { createsRepository, traceOf } from './intent';
import { PageStep } from './page-step';
import { type Page, pageId, problemsOn } from './pages';
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
  pages: readonly Page[];
  owners: readonly string[];
  integrations: readonly Integration[];
}

/** A template's pages, then the review. The URL has the page, a draft the values. */
export function Wizard({ user, templateRef, parameters, template, pages, owners, integrations }: WizardProps) {
  const { page: wanted = 1 } = route.useSearch();
  const navigate = route.useNavigate();
  const { values, change, startOver, sent } = useValues(user, templateRef, pages);
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  // A counter, so that a reset page has no touched fields.
  const [beginnings, setBeginnings] = useState(0);
  const problems = useMemo(() => pages.map((page) => problemsOn(page, values)), [pages, values]);

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
    owners,
    createsRepository: steps.some(({ action }) => traceOf(action) === createsRepository),
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
          templateRef={templateRef}
          title={parameters.title}
          template={template}
          pages={pages}
          values={values}
          secrets={secrets}
          createLabel={labels?.createButtonText ?? 'Create'}
          backLabel={labels?.backButtonText ?? 'Back'}
          onPage={go}
          onSent={sent}
        />
      )}
    </div>
  );
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
