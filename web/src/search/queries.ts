import { queryOptions } from '@tanstack/react-query';
import { type SearchQuery, searchDocuments } from '@/api/client';

export const searchQuery = (query: SearchQuery) =>
  queryOptions({
    queryKey: ['search', query],
    queryFn: ({ signal }) => searchDocuments(query, signal),
    staleTime: 10_000,
    retry: false,
  });
