import { queryOptions } from '@tanstack/react-query';
import { type SearchQuery, searchEverything } from '@/api/client';

export const searchQuery = ({ q, ...rest }: SearchQuery) =>
  queryOptions({
    queryKey: ['search', q, rest],
    queryFn: ({ signal }) => searchEverything({ q, ...rest }, signal),
    staleTime: 10_000,
    retry: false,
  });
