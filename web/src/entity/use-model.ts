import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { modelQuery } from '@/api/queries';
import { kindLabel } from '@/entity/ref';
import { capitalized } from '@/ui/format';

/** The name of many entities of a kind: that of the model's layers for a kind of one's own. */
export function useKindLabel(): (kind: string) => string {
  const { data } = useQuery(modelQuery);
  return useCallback(
    (kind) => {
      const own = data?.kinds.find((one) => one.kind.toLowerCase() === kind.toLowerCase() && one.layers.length > 0);
      const label = kindLabel(kind);
      return own && label === kind ? capitalized(own.plural) : label;
    },
    [data],
  );
}

/** The names of the relations of the model's layers, by type. */
export function useRelationTitles(): Record<string, string> {
  const { data } = useQuery(modelQuery);
  return useMemo(() => Object.fromEntries((data?.relations ?? []).map(({ type, title }) => [type, title])), [data]);
}
