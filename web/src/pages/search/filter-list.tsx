import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { facetsQuery } from '@/api/queries';
import { humanizeRef, parseRef, stringifyRef } from '@/entity/ref';
import { type SearchFilter, searchFilters } from '@/search-params';
import { buttonLook } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { toggle, valuesOf } from './filters';

const route = getRouteApi('/search');
const shownAtFirst = 8;

const looks: Record<SearchFilter, { label: string; path: string }> = {
  kind: { label: 'Kind', path: 'kind' },
  owner: { label: 'Owner', path: 'relations.ownedBy' },
  lifecycle: { label: 'Lifecycle', path: 'spec.lifecycle' },
  tag: { label: 'Tag', path: 'metadata.tags' },
};

/** The filters of the results. */
export function FilterList() {
  const search = route.useSearch();
  const [open, setOpen] = useState(false);
  const chosen = searchFilters.reduce((sum, filter) => sum + valuesOf(search, filter).length, 0);
  return (
    <div className="lg:sticky lg:top-17 lg:max-h-[calc(100dvh-88px)] lg:self-start lg:overflow-y-auto">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className={buttonLook('plain', 'w-full lg:hidden')}
      >
        Filters{chosen > 0 && ` · ${chosen} chosen`}
      </button>
      <div className={classNames('space-y-5 pt-4 lg:block lg:pt-0', !open && 'hidden')}>
        {searchFilters.map((filter) => (
          <Filter key={filter} filter={filter} />
        ))}
      </div>
    </div>
  );
}

function Filter({ filter }: { filter: SearchFilter }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [all, setAll] = useState(false);
  const { label, path } = looks[filter];
  const { data } = useQuery(facetsQuery([path], []));
  const chosen = valuesOf(search, filter);
  const known = (data?.[path] ?? []).toSorted((a, b) => b.count - a.count).map(({ value }) => value);
  const values = [...chosen, ...known.filter((value) => !chosen.includes(value))];
  if (values.length < 2 && chosen.length === 0) return null;
  const shown = all ? values : values.slice(0, Math.max(shownAtFirst, chosen.length));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      {shown.map((value) => (
        <label key={value} className="flex min-h-7 cursor-pointer items-center gap-2 hover:text-accent">
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            className="size-3.5 shrink-0 accent-accent"
            onChange={() => navigate({ search: toggle(search, filter, value), replace: true, resetScroll: false })}
          />
          <span className="min-w-0 grow truncate" title={value}>
            {filter === 'owner' ? humanizeRef(stringifyRef(parseRef(value, 'group')), 'group') : value}
          </span>
        </label>
      ))}
      {values.length > shown.length && (
        <button type="button" className="mt-1 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {values.length - shown.length} more
        </button>
      )}
    </fieldset>
  );
}
