import { type QueryClient, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { entitiesByRefs } from '@/api/client';
import { displayName, humanizeRef } from './ref';

const freshFor = 5 * 60_000;
/** So many entities are asked for at once. */
const perRequest = 500;
/** Of longer lists only the first ones are asked for: the others show their names. */
const mostTitles = 1000;

interface Waiting {
  ref: string;
  resolve: (title: string | null) => void;
  reject: (cause: unknown) => void;
}

let waiting: Waiting[] = [];

/** Asks for what an entity is called. Whatever a page asks for in one moment goes in one request. */
function askTitle(ref: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) setTimeout(sendWaiting);
    waiting.push({ ref, resolve, reject });
  });
}

function sendWaiting(): void {
  const asked = waiting;
  waiting = [];
  for (let from = 0; from < asked.length; from += perRequest) answer(asked.slice(from, from + perRequest));
}

async function answer(asked: readonly Waiting[]): Promise<void> {
  try {
    const entities = await entitiesByRefs(
      asked.map(({ ref }) => ref),
      ['metadata.name', 'metadata.title', 'spec.profile.displayName'],
    );
    for (const [index, { resolve }] of asked.entries()) {
      const entity = entities[index];
      resolve(entity ? displayName(entity) : null);
    }
  } catch (cause) {
    for (const { reject } of asked) reject(cause);
  }
}

/** Null for an entity that is not there. */
const titleQuery = (ref: string) =>
  queryOptions({ queryKey: ['title', ref], queryFn: () => askTitle(ref), staleTime: freshFor });

/** What an entity is called; undefined until that is known, when it is not there, and without a reference. */
export function useTitle(ref: string | undefined): string | undefined {
  const { data } = useQuery({ ...titleQuery(ref ?? ''), enabled: ref !== undefined });
  return data ?? undefined;
}

export interface Titles {
  /** What an entity is called, as far as that is known, else its name with what differs from the kind in front. */
  of: (ref: string, defaultKind?: string) => string;
  /** False until the server was asked for all of them. */
  known: boolean;
}

/** What entities are called. */
export function useTitles(refs: readonly string[]): Titles {
  const queries = useQueryClient();
  const asked = refs.slice(0, mostTitles);
  const { data, isPending } = useQuery({
    queryKey: ['titles', asked],
    queryFn: () => fetchTitles(queries, asked),
    enabled: asked.length > 0,
    staleTime: freshFor,
    placeholderData: (previous) => previous,
  });
  return {
    of: (ref, defaultKind) => data?.get(ref) ?? humanizeRef(ref, defaultKind),
    known: asked.length === 0 || !isPending,
  };
}

async function fetchTitles(queries: QueryClient, refs: readonly string[]): Promise<Map<string, string>> {
  const titles = new Map<string, string>();
  const fetched = refs.map(async (ref) => {
    const title = await queries.fetchQuery(titleQuery(ref));
    if (title !== null) titles.set(ref, title);
  });
  await Promise.all(fetched);
  return titles;
}
