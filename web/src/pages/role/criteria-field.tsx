import { lazy, Suspense, useState } from 'react';
import { classNames } from '@/ui/class-names';
import { Skeleton } from '@/ui/states';
import { type Criteria, type Edited, inWords, type KnownRule } from './criteria';
import { CriteriaNode } from './criteria-node';
import { ProblemText } from './field';

const CriteriaText = lazy(() => import('./criteria-text'));

const views = ['Form', 'YAML', 'JSON'] as const;
type View = (typeof views)[number];

interface CriteriaFieldProps {
  label: string;
  criteria: Criteria;
  unreadable: string | undefined;
  resourceType: string;
  /** Undefined until they are loaded. */
  rules: readonly KnownRule[] | undefined;
  /** What is wrong, by the key of the node. */
  problems: ReadonlyMap<number, string>;
  tried: boolean;
  onChange: (edited: Edited) => void;
}

/** Criteria as a form, or as the text that files and the API have. */
export function CriteriaField(props: CriteriaFieldProps) {
  const { label, criteria, unreadable, resourceType, rules, problems, tried, onChange } = props;
  const [view, setView] = useState<View>('Form');
  return (
    <fieldset className="space-y-2">
      <legend className="sr-only">{label}</legend>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="text-muted">if</span>
        <p className="min-w-0 grow text-small text-muted wrap-anywhere">{inWords(criteria)}</p>
        <fieldset aria-label={`View of ${label.toLowerCase()}`} className="flex gap-1">
          {views.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={view === each}
              // Another view would lose a text that is no criteria.
              aria-disabled={unreadable !== undefined}
              title={unreadable && 'Correct the text first.'}
              onClick={() => unreadable === undefined && setView(each)}
              className={classNames(
                'min-h-6 rounded px-2 text-small text-muted hover:bg-hover',
                view === each && 'bg-selected text-ink',
              )}
            >
              {each}
            </button>
          ))}
        </fieldset>
      </div>
      {view === 'Form' && criteria.form === 'unread' && (
        <UnreadNote why={criteria.why} isProblem={problems.has(criteria.key)} />
      )}
      {view === 'Form' && criteria.form !== 'unread' && (
        <CriteriaNode
          node={criteria}
          rules={rules ?? []}
          problems={problems}
          tried={tried}
          at=""
          onChange={(changed) => onChange({ criteria: changed })}
        />
      )}
      {view !== 'Form' && (
        <Suspense fallback={<Skeleton />}>
          <CriteriaText
            key={view}
            label={label}
            language={view}
            criteria={criteria}
            unreadable={unreadable}
            resourceType={resourceType}
            rules={rules}
            onChange={onChange}
          />
        </Suspense>
      )}
    </fieldset>
  );
}

/** Criteria that the form cannot show. They are a problem only where somebody has changed the condition. */
function UnreadNote({ why, isProblem }: { why: string; isProblem: boolean }) {
  const words = `The form cannot show these criteria: ${why}.`;
  if (isProblem) return <ProblemText>{words} Correct them as YAML or JSON.</ProblemText>;
  return (
    <p className="text-small text-muted wrap-anywhere">{words} They stay as they are. Edit them as YAML or JSON.</p>
  );
}
