import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { facetsQuery } from '@/api/queries';
import type { FacetValue } from '@/api/types';
import { humanizeRef } from '@/entity/ref';
import { type FacetKey, facets } from '@/search-params';
import { buttonLook } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { filterOf, toggleFacet } from './filters';

const route = getRouteApi('/catalog');
const shownAtFirst = 8;

/** What the list can be narrowed by, with how many entities each choice would leave. */
export function FacetList({ kinds }: { kinds: readonly string[] }) {
  const search = route.useSearch();
  const chosen = facets.reduce((sum, { key }) => sum + (search[key]?.length ?? 0), 0);
  const [open, setOpen] = useState(false);
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
        {facets.map(({ key, path, label }) => (
          <Facet key={key} facet={key} path={path} label={label} kinds={kinds} />
        ))}
      </div>
    </div>
  );
}

interface FacetProps {
  facet: FacetKey;
  path: string;
  label: string;
  kinds: readonly string[];
}

function Facet({ facet, path, label, kinds }: FacetProps) {
  const search = route.useSearch();
  const [all, setAll] = useState(false);
  const { data } = useQuery(facetsQuery([path], filterOf(search, kinds, facet)));
  const chosen = search[facet] ?? [];
  const values = order(data?.[path] ?? [], chosen);
  // One value says nothing: it would leave everything as it is.
  if (values.length < 2 && chosen.length === 0) return null;
  const shown = all ? values : values.slice(0, Math.max(shownAtFirst, chosen.length));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      {shown.map((value) => (
        <Choice key={value.value} facet={facet} checked={chosen.includes(value.value)} {...value} />
      ))}
      {values.length > shown.length && (
        <button type="button" className="mt-1 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {values.length - shown.length} more
        </button>
      )}
    </fieldset>
  );
}

function Choice({ facet, value, count, checked }: FacetValue & { facet: FacetKey; checked: boolean }) {
  const navigate = route.useNavigate();
  return (
    <label className="flex min-h-7 cursor-pointer items-center gap-2 hover:text-accent">
      <input
        type="checkbox"
        checked={checked}
        className="size-3.5 shrink-0 accent-accent"
        onChange={() =>
          navigate({ search: (search) => toggleFacet(search, facet, value), replace: true, resetScroll: false })
        }
      />
      <span className="min-w-0 grow truncate" title={value}>
        {facet === 'owner' ? humanizeRef(value, 'group') : value}
      </span>
      <span className="text-small text-muted">{count.toLocaleString('en')}</span>
    </label>
  );
}

/**
 * Chosen values first, so that they can be switched off; then the most frequent. A chosen value that matches
 * nothing any more keeps its place.
 */
function order(values: readonly FacetValue[], chosen: readonly string[]): FacetValue[] {
  const kept = chosen.map((value) => values.find((known) => known.value === value) ?? { value, count: 0 });
  const others = values.filter(({ value }) => !chosen.includes(value)).sort((a, b) => b.count - a.count);
  return [...kept, ...others];
}
