import { keepPreviousData, queryOptions, useQueries, useQuery } from '@tanstack/react-query';
import { fetchSearchFacets, fetchSearchSources, type SearchQuery, searchEverything } from '@/api/search';
import type { SearchGroup, SearchProblem } from '@/api/types';
import { useSettled } from '@/ui/use-settled';

export const searchQuery = ({ q, ...rest }: SearchQuery) =>
  queryOptions({
    queryKey: ['search', q, rest],
    queryFn: ({ signal }) => searchEverything({ q, ...rest }, signal),
    staleTime: 10_000,
    retry: false,
  });

/** What a search can be narrowed by. */
export const searchFacetsQuery = (q: string, types: readonly string[] | undefined) =>
  queryOptions({
    queryKey: ['search facets', q, types],
    queryFn: ({ signal }) => fetchSearchFacets(q, types, signal),
    staleTime: 10_000,
    retry: false,
  });

/** The sources of the search. They change with the configuration only. */
export const searchSourcesQuery = () =>
  queryOptions({
    queryKey: ['search sources'],
    queryFn: ({ signal }) => fetchSearchSources(signal),
    staleTime: 600_000,
    retry: false,
  });

/** Other servers are asked when a person pauses for longer, in milliseconds. */
const pause = 150;

interface Live {
  groups: SearchGroup[];
  problems: SearchProblem[];
  /** The titles of those that have not answered yet. */
  waiting: string[];
}

const nothing: Live = { groups: [], problems: [], waiting: [] };

/** What other servers find, each asked by itself: none waits for another, and nothing else waits for them. */
export function useLive(typed: string, limit: number): Live {
  const q = useSettled(typed, pause);
  const sources = useQuery({ ...searchSourcesQuery(), enabled: q !== '' });
  const live = (sources.data ?? []).filter(({ isLive }) => isLive);
  const answers = useQueries({
    queries: live.map(({ type }) => ({
      ...searchQuery({ q, types: [type], limit }),
      enabled: q !== '',
      placeholderData: keepPreviousData,
    })),
  });
  if (q === '' || typed === '') return nothing;
  return {
    groups: answers.flatMap(({ data }) => data?.groups ?? []),
    problems: answers.flatMap(({ data, error }, index) => {
      const { type = '', title = '' } = live[index] ?? {};
      return error ? [{ type, title, message: error.message }] : (data?.problems ?? []);
    }),
    waiting: live.filter((_, index) => answers[index]?.isFetching).map(({ title }) => title),
  };
}
