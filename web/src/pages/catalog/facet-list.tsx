import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { facetsQuery } from '@/api/queries';
import type { FacetValue } from '@/api/types';
import { useTitles } from '@/entity/titles';
import { type FacetKey, facets } from '@/search-params';
import { FacetChoices, FacetPanel } from '@/ui/facet-choices';
import { filterOf, toggleFacet } from './filters';

const route = getRouteApi('/catalog');

interface FacetListProps {
  kinds: readonly string[];
  /** The search text. */
  text: string | undefined;
}

/** The filters of the list, with the number of entities for each choice. */
export function FacetList({ kinds, text }: FacetListProps) {
  const search = route.useSearch();
  return (
    <FacetPanel chosen={facets.reduce((sum, { key }) => sum + (search[key]?.length ?? 0), 0)}>
      {facets.map(({ key, path, label }) => (
        <Facet key={key} facet={key} path={path} label={label} kinds={kinds} text={text} />
      ))}
    </FacetPanel>
  );
}

interface FacetProps extends FacetListProps {
  facet: FacetKey;
  path: string;
  label: string;
}

function Facet({ facet, path, label, kinds, text }: FacetProps) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data } = useQuery(facetsQuery([path], filterOf(search, kinds, facet), text));
  const chosen = search[facet] ?? [];
  const values = order(data?.[path] ?? [], chosen);
  const titles = useTitles(facet === 'owner' ? values.map(({ value }) => value) : []);
  return (
    <FacetChoices
      label={label}
      choices={values.map(({ value, count }) => ({
        value,
        count,
        title: facet === 'owner' ? titles.of(value, 'group') : value,
        checked: chosen.includes(value),
      }))}
      onToggle={(value) =>
        navigate({ search: (before) => toggleFacet(before, facet, value), replace: true, resetScroll: false })
      }
    />
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
