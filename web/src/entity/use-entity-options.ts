import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { entitiesQuery } from '@/api/queries';
import type { Entity } from '@/api/types';
import { displayName, humanizeRef, namespaceOf, ownersOf, refOf } from '@/entity/ref';
import type { Option } from '@/ui/combobox';

const shown = 30;
const fields = ['kind', 'metadata.name', 'metadata.namespace', 'metadata.title', 'spec.profile', 'relations'];

interface EntityOptions {
  options: Option[];
  /** The number of matches that are not in the list. */
  more: number;
  loading: boolean;
  failed: boolean;
  /** Why the options could not be read. */
  error: Error | null;
  retry: () => void;
  search: (text: string) => void;
}

/** Entities that match a filter and the typed text, as options with kind and owner. */
export function useEntityOptions(filter: readonly string[]): EntityOptions {
  const [text, search] = useState('');
  const term = useDeferredValue(text.trim());
  const { data, isFetching, isError, error, refetch } = useQuery({
    ...entitiesQuery({
      filter,
      fields,
      limit: shown,
      orderField: 'metadata.name,asc',
      ...(term && { text: term, textFields: ['metadata.name', 'metadata.title', 'spec.profile.displayName'] }),
    }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
  const entities = data?.items ?? [];
  const more = Math.max(0, (data?.totalItems ?? 0) - entities.length);
  return {
    options: entities.map(optionOf),
    more,
    loading: isFetching,
    failed: isError,
    error,
    retry: () => refetch(),
    search,
  };
}

function optionOf(entity: Entity): Option {
  const owner = ownersOf(entity)[0];
  const place = namespaceOf(entity) === 'default' ? '' : ` in ${namespaceOf(entity)}`;
  return {
    value: refOf(entity),
    title: displayName(entity),
    hint: `${entity.kind.toLowerCase()}${place}${owner ? ` · ${humanizeRef(owner, 'group')}` : ''}`,
  };
}
