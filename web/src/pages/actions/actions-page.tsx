import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';
import { actionsQuery } from '@/api/queries';
import type { Action } from '@/api/types';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { rowLink } from '@/ui/row-link';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { findActions, groupActions } from './find-actions';

const route = getRouteApi('/create/actions');

/** The actions for steps of templates. */
export function ActionsPage() {
  const { q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(actionsQuery);
  useEffect(() => {
    document.title = 'Actions · Create';
  }, []);
  useBackstageAddress(data);
  const shown = findActions(data ?? [], q);
  return (
    <div className="max-w-4xl space-y-4">
      <div>
        <p className="text-small text-muted">
          <Link to="/create" className="hover:text-ink">
            Create
          </Link>
        </p>
        <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
          <h1 className="text-title">Actions</h1>
          <SearchInput
            label="Find an action"
            value={q}
            onChange={(text) => navigate({ search: text ? { q: text } : {}, replace: true })}
            className="w-full sm:w-72"
          />
          {data && (
            <span role="status" className="text-muted">
              {plural(shown.length, 'action')}
            </span>
          )}
        </div>
      </div>
      {error && !data && <ErrorPanel error={error} doing="list the actions" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && shown.length === 0 && <Empty title={`No action has “${q}” in its name, description or input.`} />}
      {q ? (
        <List actions={shown} heading="h2" />
      ) : (
        groupActions(shown).map(({ system, actions }) => (
          <section
            key={system}
            aria-label={system}
            className="grid grid-cols-1 gap-x-8 border-t md:grid-cols-[140px_minmax(0,1fr)]"
          >
            <h2 className="pt-3">{system}</h2>
            <List actions={actions} heading="h3" />
          </section>
        ))
      )}
    </div>
  );
}

/** Backstage's page has all actions, each with an anchor; here each has a page. */
function useBackstageAddress(actions: readonly Action[] | undefined) {
  const { hash } = useLocation();
  const navigate = route.useNavigate();
  const id = actions?.find((action) => [action.id, encodeURIComponent(action.id)].includes(hash))?.id;
  useEffect(() => {
    if (id) navigate({ to: '/create/actions/$id', params: { id }, replace: true });
  }, [id, navigate]);
}

function List({ actions, heading: Heading }: { actions: readonly Action[]; heading: 'h2' | 'h3' }) {
  return (
    <ul className="divide-y">
      {actions.map(({ id, description }) => (
        <li key={id} className="relative -mx-3 px-3 py-2 has-[a:hover]:bg-hover">
          <Heading className="wrap-anywhere">
            <Link to="/create/actions/$id" params={{ id }} className={classNames('font-mono', rowLink)}>
              {id}
            </Link>
          </Heading>
          {description && <p className="text-muted">{firstSentence(description)}</p>}
        </li>
      ))}
    </ul>
  );
}

/** The first sentence of Markdown, without its marks for code. */
function firstSentence(text: string): string {
  const sentence = /^[^\n]*?[.!?](?=\s|$)|^[^\n]*/.exec(text)?.[0] ?? text;
  return sentence.replaceAll('`', '');
}
