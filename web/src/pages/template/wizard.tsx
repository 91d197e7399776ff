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
  /** The signed-in person, whose draft this is. */
  user: string;
  templateRef: string;
  parameters: ParameterSchema;
  template: Entity | undefined;
  pages: readonly Page[];
  owners: readonly string[];
  integrations: readonly Integration[];
}

/** A template's pages one after the other, then the review. The address holds the page, a draft the values. */
export function Wizard({ user, templateRef, parameters, template, pages, owners, integrations }: WizardProps) {
  const { page: wanted = 1 } = route.useSearch();
  const navigate = route.useNavigate();
  const { values, change, startOver, sent } = useValues(user, templateRef, pages);
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  // Counted so that a page begun anew has forgotten what was touched.
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

/** Goes on in the page that has come: the button that led there, and had the focus, went with the page before. */
function useFocusOnTurn(turn: string) {
  const shown = useRef(turn);
  useEffect(() => {
    if (shown.current === turn) return;
    shown.current = turn;
    if (document.activeElement === document.body) document.getElementById(pageId)?.focus({ preventScroll: true });
  }, [turn]);
}
