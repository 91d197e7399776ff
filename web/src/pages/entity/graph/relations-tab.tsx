import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useId } from 'react';

import type { Entity } from '@/api/types';
import { kindLabel } from '@/entity/ref';
import { mostDepth, type RelationDirection, relationDirections } from '@/search-params';
import { plural } from '@/ui/format';
import { Select } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { AsList } from './as-list';
import { graphQuery } from './graph-query';
import { Picture } from './picture';
import type { Graph } from './walk';

const route = getRouteApi('/catalog/$namespace/$kind/$name');

const defaultDepth = 2;
const depths = Array.from({ length: mostDepth }, (_, index) => index + 1);

const directionNames: Record<RelationDirection, string> = {
  both: 'Both ways, away from it',
  forward: 'What it needs and belongs to',
  backward: 'What needs it or belongs to it',
  all: 'Everything around it',
};

/** What an entity is related to, as a picture or as a list. */
export function RelationsTab({ entity }: { entity: Entity }) {
  const { depth = defaultDepth, direction = 'both', hide = [], view } = route.useSearch();
  const { data, error, refetch, isPlaceholderData } = useQuery(graphQuery(entity, { depth, direction, hidden: hide }));
  if (error) return <ErrorPanel error={error} doing="follow the relations" onRetry={() => refetch()} />;
  return (
    <div className="space-y-3">
      <Choices kinds={data?.kinds ?? []} />
      <p role="status" className="text-small text-muted">
        {data && !isPlaceholderData && summary(data)}
      </p>
      {!data && <Skeleton lines={6} />}
      {data && data.nodes.length === 1 && <Empty title="Nothing to show with these choices." />}
      {data && data.nodes.length > 1 && (view === 'list' ? <AsList graph={data} /> : <Picture graph={data} />)}
    </div>
  );
}

function summary({ nodes, leftOut }: Graph): string {
  const around = plural(nodes.length - 1, 'entity', 'entities');
  const unseen = nodes.filter(({ found }) => !found).length;
  const missing = unseen > 0 ? ` ${plural(unseen, 'is', 'are')} not in the catalog, or not for you to see.` : '';
  if (leftOut === 0) return `${around} around it.${missing}`;
  return `The nearest ${around} around it; at least ${leftOut.toLocaleString('en')} more are left out: choose less depth or fewer kinds.${missing}`;
}

/** What is shown, and how. The address has it all. */
function Choices({ kinds }: { kinds: readonly string[] }) {
  const { depth = defaultDepth, direction = 'both', hide = [], view } = route.useSearch();
  const navigate = route.useNavigate();
  const depthId = useId();
  const directionId = useId();
  const shownKinds = [...new Set([...kinds, ...hide])].sort();
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <span className="flex items-center gap-2">
        <label htmlFor={depthId}>Depth</label>
        <Select
          id={depthId}
          value={depth}
          className="w-auto"
          onChange={({ target }) =>
            navigate({ search: (old) => ({ ...old, depth: Number(target.value) }), replace: true, resetScroll: false })
          }
        >
          {depths.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
      </span>
      <span className="flex min-w-0 items-center gap-2">
        <label htmlFor={directionId}>Direction</label>
        <Select
          id={directionId}
          value={direction}
          className="w-auto min-w-0"
          onChange={({ target }) => {
            const chosen = relationDirections.find((name) => name === target.value);
            navigate({
              search: ({ direction: _, ...rest }) => ({ ...rest, ...(chosen && { direction: chosen }) }),
              replace: true,
              resetScroll: false,
            });
          }}
        >
          {relationDirections.map((name) => (
            <option key={name} value={name}>
              {directionNames[name]}
            </option>
          ))}
        </Select>
      </span>
      {shownKinds.length > 1 && (
        <fieldset className="flex flex-wrap items-center gap-x-3">
          <legend className="sr-only">Kinds</legend>
          {shownKinds.map((kind) => (
            <label key={kind} className="flex min-h-7 cursor-pointer items-center gap-1.5">
              <input
                type="checkbox"
                checked={!hide.includes(kind)}
                className="size-3.5 accent-accent"
                onChange={() =>
                  navigate({
                    search: ({ hide: _, ...rest }) => {
                      const next = hide.includes(kind) ? hide.filter((other) => other !== kind) : [...hide, kind];
                      return { ...rest, ...(next.length > 0 && { hide: next }) };
                    },
                    replace: true,
                    resetScroll: false,
                  })
                }
              />
              {kindLabel(kind)}
            </label>
          ))}
        </fieldset>
      )}
      <label className="flex min-h-7 cursor-pointer items-center gap-1.5">
        <input
          type="checkbox"
          checked={view === 'list'}
          className="size-3.5 accent-accent"
          onChange={() =>
            navigate({
              search: ({ view: before, ...rest }) => ({ ...rest, ...(before !== 'list' && { view: 'list' as const }) }),
              replace: true,
              resetScroll: false,
            })
          }
        />
        As a list
      </label>
    </div>
  );
}
