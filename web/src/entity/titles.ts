import { type QueryClient, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { entitiesByRefs } from '@/api/catalog';
import { displayName, humanizeRef } from './ref';

const freshFor = 5 * 60_000;
/** The number of entities in one request. */
const perRequest = 500;
/** The number of titles that are requested for a list. The other entities show their names. */
const mostTitles = 1000;

interface Waiting {
  ref: string;
  resolve: (title: string | null) => void;
  reject: (cause: unknown) => void;
}

let waiting: Waiting[] = [];

/** Requests the title of an entity. All titles that a page requests at the same moment are one request. */
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

/** Null for a missing entity. */
const titleQuery = (ref: string) =>
  queryOptions({ queryKey: ['title', ref], queryFn: () => askTitle(ref), staleTime: freshFor });

/** The title of an entity; undefined while it is loading, for a missing entity, and without a reference. */
export function useTitle(ref: string | undefined): string | undefined {
  const { data } = useQuery({ ...titleQuery(ref ?? ''), enabled: ref !== undefined });
  return data ?? undefined;
}

export interface Titles {
  /** The title of an entity, if known, or its short reference. */
  of: (ref: string, defaultKind?: string) => string;
  /** False until the server has answered for all of them. */
  known: boolean;
}

/** The titles of entities. */
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
