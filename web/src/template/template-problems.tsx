import { useQuery } from '@tanstack/react-query';
import { CircleAlert } from 'lucide-react';
import { templateFindingsQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { ownersOf } from '@/entity/ref';
import { plural } from '@/ui/format';
import { problemsOf } from './findings';
import { ProblemList } from './problem-list';

interface TemplateProblemsProps {
  templateRef: string;
  template: Entity | undefined;
}

/** What is wrong with a template, before somebody fills in its form. */
export function TemplateProblems({ templateRef, template }: TemplateProblemsProps) {
  const { data } = useQuery(templateFindingsQuery(templateRef));
  const problems = problemsOf(data?.templates[0]?.findings ?? [], template);
  const errors = problems.filter(({ severity }) => severity === 'error');
  const remarks = problems.filter(({ severity }) => severity === 'warning');
  if (problems.length === 0) return null;
  return (
    <section aria-label="Problems of this template" className="space-y-3">
      {errors.length > 0 && (
        <div className="space-y-2 border-l-2 border-failed pl-3">
          <p className="flex items-center gap-1.5 font-medium">
            <CircleAlert size={16} aria-hidden className="shrink-0 text-failed" />A run of this template fails
          </p>
          <ProblemList problems={errors} />
          <Whom template={template} />
        </div>
      )}
      {remarks.length > 0 && (
        <details>
          <summary className="text-muted">{plural(remarks.length, 'remark')} for the author of this template</summary>
          <div className="mt-2 pl-4">
            <ProblemList problems={remarks} />
          </div>
        </details>
      )}
    </section>
  );
}

function Whom({ template }: { template: Entity | undefined }) {
  const owner = template && ownersOf(template)[0];
  return (
    <p className="flex flex-wrap items-center gap-x-1.5 text-muted">
      <span>{`Its author has to correct it first.${owner ? ' Ask' : ''}`}</span>
      {owner && <EntityLink entityRef={owner} />}
    </p>
  );
}
