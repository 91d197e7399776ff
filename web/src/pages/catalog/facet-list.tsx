import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { facetsQuery } from '@/api/queries';
import type { FacetValue } from '@/api/types';
import { useTitles } from '@/entity/titles';
import { type FacetKey, facets } from '@/search-params';
import { buttonLook } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { inputLook } from '@/ui/input';
import { filterOf, toggleFacet } from './filters';

const route = getRouteApi('/catalog');
const shownAtFirst = 8;

interface FacetListProps {
  kinds: readonly string[];
  /** The search text. */
  text: string | undefined;
}

/** The filters of the list, with the number of entities for each choice. */
export function FacetList({ kinds, text }: FacetListProps) {
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
          <Facet key={key} facet={key} path={path} label={label} kinds={kinds} text={text} />
        ))}
      </div>
    </div>
  );
}

interface FacetProps extends FacetListProps {
  facet: FacetKey;
  path: string;
  label: string;
}

function Facet({ facet, path, label, kinds, text }: FacetProps) {
  const search = route.useSearch();
  const [all, setAll] = useState(false);
  const [find, setFind] = useState('');
  const { data } = useQuery(facetsQuery([path], filterOf(search, kinds, facet), text));
  const chosen = search[facet] ?? [];
  const values = order(data?.[path] ?? [], chosen);
  const titles = useTitles(facet === 'owner' ? values.map(({ value }) => value) : []);
  // A facet with one value would not filter anything.
  if (values.length < 2 && chosen.length === 0) return null;
  const titled = values.map((value) => ({
    ...value,
    title: facet === 'owner' ? titles.of(value.value, 'group') : value.value,
  }));
  const found = titled.filter(({ value, title }) => matches(value, find) || matches(title, find));
  const shown = all ? found : found.slice(0, Math.max(shownAtFirst, chosen.length));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      {(values.length > shownAtFirst || find !== '') && (
        <input
          type="search"
          aria-label={`Find in ${label}`}
          placeholder="Find"
          value={find}
          onChange={(event) => setFind(event.target.value)}
          className={classNames(inputLook, 'mb-1')}
        />
      )}
      {shown.map((value) => (
        <Choice key={value.value} facet={facet} checked={chosen.includes(value.value)} {...value} />
      ))}
      {found.length === 0 && <p className="text-small text-muted">None is called “{find}”.</p>}
      {found.length > shown.length && (
        <button type="button" className="mt-1 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {found.length - shown.length} more
        </button>
      )}
    </fieldset>
  );
}

function matches(text: string, find: string): boolean {
  return text.toLowerCase().includes(find.trim().toLowerCase());
}

interface ChoiceProps extends FacetValue {
  facet: FacetKey;
  title: string;
  checked: boolean;
}

function Choice({ facet, value, title, count, checked }: ChoiceProps) {
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
        {title}
      </span>
      <span className="text-small text-muted">{count.toLocaleString('en')}</span>
    </label>
  );
}

/**
 * Chosen values are first, so that they can be switched off; then the most frequent. A chosen value without
 * matches stays.
 */
function order(values: readonly FacetValue[], chosen: readonly string[]): FacetValue[] {
  const kept = chosen.map((value) => values.find((known) => known.value === value) ?? { value, count: 0 });
  const others = values.filter(({ value }) => !chosen.includes(value)).sort((a, b) => b.count - a.count);
  return [...kept, ...others];
}
