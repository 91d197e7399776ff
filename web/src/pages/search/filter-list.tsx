import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { SearchFacet } from '@/api/types';
import { parseRef, stringifyRef } from '@/entity/ref';
import { useTitles } from '@/entity/titles';
import { useKindLabel } from '@/entity/use-model';
import { searchFacetsQuery } from '@/search/queries';
import { isSearchFilter, type SearchFilter, searchFilters } from '@/search-params';
import { FacetChoices, FacetPanel } from '@/ui/facet-choices';
import { isChosen, toggle, valuesOf } from './filters';

const route = getRouteApi('/search');

const labels: Record<SearchFilter, string> = {
  kind: 'Kind',
  type: 'Type',
  owner: 'Owner',
  lifecycle: 'Lifecycle',
  tag: 'Tag',
  lang: 'Language',
};

/** What the results can be narrowed by, with the number of results for each choice. */
export function FilterList({ question }: { question: string }) {
  const search = route.useSearch();
  const { data } = useQuery({ ...searchFacetsQuery(question, search['types[]']), placeholderData: keepPreviousData });
  const facets = data ?? [];
  const chosen = searchFilters.reduce((sum, filter) => sum + valuesOf(search, filter).length, 0);
  return (
    <FacetPanel chosen={chosen}>
      {facets.map((facet) => (
        <Filter key={facet.field} facet={facet} />
      ))}
      {facets.some(({ isMore }) => isMore) && (
        <p className="text-small text-muted">A number with + is of some of many results: there are more.</p>
      )}
    </FacetPanel>
  );
}

function Filter({ facet: { field, isMore, values } }: { facet: SearchFacet }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const kindLabel = useKindLabel();
  const titles = useTitles(field === 'owner' ? values.map(({ value }) => ownerRef(value)) : []);
  if (!isSearchFilter(field)) return null;
  const titleOf = (value: string) => {
    if (field === 'kind') return kindLabel(value);
    return field === 'owner' ? titles.of(ownerRef(value), 'group') : value;
  };
  return (
    <FacetChoices
      label={labels[field]}
      choices={values.map(({ value, count }) => ({
        value,
        count,
        title: titleOf(value),
        // At once, not when the server has counted again.
        checked: isChosen(search, field, value),
      }))}
      isMore={isMore}
      onToggle={(value) => navigate({ search: toggle(search, field, value), replace: true, resetScroll: false })}
    />
  );
}

/** The reference of an owner, who is a group unless the value says otherwise. */
function ownerRef(value: string): string {
  return stringifyRef(parseRef(value, 'group'));
}
