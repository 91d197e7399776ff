import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { saveRole } from '@/api/access';
import { ApiError } from '@/api/errors';
import { pluginRulesQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { shortName } from '@/policy/role';
import { Button, buttonLook } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { ErrorPanel } from '@/ui/states';
import { ConditionsField } from './conditions-field';
import { Conflict, NameTaken } from './conflict';
import { DetailsFields } from './details-fields';
import { changesBetween, type Draft, draftOf, emptyDraft, problemsOfDraft, rebased, requestOf } from './draft';
import { MembersField } from './members-field';
import { PoliciesField } from './policies-field';
import { ReviewChanges } from './review-changes';

interface RoleEditorProps {
  /** The role as it was read; undefined for a new one. */
  base: WholeRole | undefined;
  initial: Draft;
}

/** The form of a role. Its changes are shown before they are saved, and saved all at once. */
export function RoleEditor({ base: first, initial }: RoleEditorProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [base, setBase] = useState(first);
  const [draft, setDraft] = useState(initial);
  const [reviewing, setReviewing] = useState(false);
  const [tried, setTried] = useState(false);
  const { data: plugins } = useQuery(pluginRulesQuery);
  const rules = plugins?.flatMap((plugin) => plugin.rules);
  const before = useMemo(() => base && draftOf(base), [base]);
  const problems = problemsOfDraft(draft, before, (type) => rules?.filter(({ resourceType }) => resourceType === type));
  const changes = changesBetween(before ?? emptyDraft, draft);
  const heading = useRef<HTMLHeadingElement>(null);

  const save = useCommand(() => saveRole(before?.name ?? draft.name, requestOf(draft, base)), {
    onSuccess: async () => {
      const [namespace = '', name = ''] = draft.name.split('/');
      queries.removeQueries({ queryKey: ['role', draft.name] });
      queries.removeQueries({ queryKey: ['role', before?.name] });
      queries.removeQueries({ queryKey: ['may'] });
      queries.invalidateQueries({ queryKey: ['roles'] });
      queries.invalidateQueries({ queryKey: ['role-access'] });
      await navigate({ to: '/roles/$namespace/$name', params: { namespace, name }, ignoreBlocker: true });
    },
  });
  const show = (review: boolean) => {
    setReviewing(review);
    heading.current?.focus();
  };
  const change = (part: Partial<Draft>) => {
    setDraft((old) => ({ ...old, ...part }));
    // What the server said was about the other name.
    if (part.name !== undefined) save.reset();
  };
  const isConflict = save.error instanceof ApiError && save.error.status === 409;

  return (
    <form
      className="max-w-4xl space-y-6"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (problems.where.length === 0) show(true);
        else focusFirstProblem(event.currentTarget);
      }}
    >
      <header className="space-y-1">
        <p className="text-small text-muted">
          <Link to="/roles" className="hover:text-ink">
            Roles
          </Link>
        </p>
        <h1 ref={heading} tabIndex={-1} className="text-title outline-none wrap-anywhere">
          {title(base, draft, reviewing)}
        </h1>
      </header>
      {isConflict && base && (
        <Conflict
          base={base}
          mine={draft}
          onMerge={(theirs) => {
            setDraft(rebased(draftOf(base), draft, draftOf(theirs)));
            setBase(theirs);
            save.reset();
            show(false);
          }}
        />
      )}
      {isConflict && !base && <NameTaken name={draft.name} />}
      {save.error && !isConflict && <ErrorPanel error={save.error} doing="save the role" />}
      {reviewing ? (
        <ReviewChanges
          base={base}
          draft={draft}
          changes={changes}
          busy={save.busy}
          onSave={save.start}
          onBack={() => show(false)}
        />
      ) : (
        <>
          <DetailsFields draft={draft} problems={tried ? problems : undefined} onChange={change} />
          <MembersField
            members={draft.members}
            problem={tried ? problems.members : undefined}
            onChange={(members) => change({ members })}
          />
          <PoliciesField
            policies={draft.policies}
            problem={tried ? problems.policies : undefined}
            onChange={(policies) => change({ policies })}
          />
          <ConditionsField
            conditions={draft.conditions}
            problems={problems.conditions}
            tried={tried}
            onChange={(conditions) => change({ conditions })}
          />
          <footer className="sticky bottom-12 flex flex-wrap items-center gap-3 border-t bg-page py-3 sm:bottom-0">
            <Button type="submit" tone="primary" disabled={changes.length === 0}>
              Review changes
            </Button>
            <Link
              to={base ? '/roles/$namespace/$name' : '/roles'}
              params={paramsOf(base)}
              className={buttonLook('quiet')}
            >
              Cancel
            </Link>
            <Summary changes={base && changes.length} wrong={tried ? problems.where : []} />
          </footer>
        </>
      )}
      <LeaveWarning changed={changesBetween(initial, draft).length > 0} />
    </form>
  );
}

function paramsOf(base: WholeRole | undefined): { namespace: string; name: string } {
  const [namespace = '', name = ''] = (base ? shortName(base.name) : '').split('/');
  return { namespace, name };
}

function title(base: WholeRole | undefined, draft: Draft, reviewing: boolean): string {
  const name = base ? shortName(base.name) : draft.name;
  if (reviewing) return base ? `Review the changes of ${name}` : `Review the new role ${name}`;
  return base ? `Edit ${name}` : 'New role';
}

/** The number of changes, undefined for a new role, of which everything is new; or what has to be corrected. */
function Summary({ changes, wrong }: { changes: number | undefined; wrong: readonly string[] }) {
  const words = changes === 0 ? 'Nothing has changed.' : changes && `${changes} changed.`;
  return (
    <p role="status" className={wrong.length > 0 ? 'text-failed' : 'text-muted'}>
      {wrong.length > 0 ? `Correct above: ${wrong.join(', ')}.` : words}
    </p>
  );
}

function focusFirstProblem(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true], [data-problem]')?.focus());
}

/** Asks before a page with unsaved changes is left. */
function LeaveWarning({ changed }: { changed: boolean }) {
  const blocker = useBlocker({ shouldBlockFn: () => changed, enableBeforeUnload: changed, withResolver: true });
  return (
    <Confirm
      open={blocker.status === 'blocked'}
      onOpenChange={(open) => !open && blocker.reset?.()}
      title="Leave without saving?"
      confirm="Leave"
      onConfirm={() => blocker.proceed?.()}
    >
      <p>Your changes of this role will be lost.</p>
    </Confirm>
  );
}
