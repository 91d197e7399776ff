import { queryOptions, useQuery } from '@tanstack/react-query';
import { authorize, type NeededPermission } from '@/api/access';

interface Waiting {
  needed: NeededPermission;
  resolve: (may: boolean) => void;
  reject: (cause: unknown) => void;
}

let waiting: Waiting[] = [];

/** Asks about a permission. Everything that a page asks at the same moment is one request. */
function ask(needed: NeededPermission): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) setTimeout(sendWaiting);
    waiting.push({ needed, resolve, reject });
  });
}

async function sendWaiting(): Promise<void> {
  const asked = waiting;
  waiting = [];
  try {
    const answers = await authorize(asked.map(({ needed }) => needed));
    for (const [index, { resolve }] of asked.entries()) resolve(answers[index] ?? false);
  } catch (cause) {
    for (const { reject } of asked) reject(cause);
  }
}

const mayQuery = (needed: NeededPermission) =>
  queryOptions({
    queryKey: ['may', needed.permission, needed.resource],
    queryFn: () => ask(needed),
    staleTime: 60_000,
    retry: false,
  });

/**
 * Whether the signed-in person has a permission. While that is not known, they may try: the server decides at
 * every request.
 */
export function useMay(needed: NeededPermission): boolean {
  const { data } = useQuery(mayQuery(needed));
  return data ?? true;
}

/** Whether the signed-in person has a permission, undefined while that is not known. They may try if nobody can say. */
export function useIsAllowed(needed: NeededPermission): boolean | undefined {
  const { data, isError } = useQuery(mayQuery(needed));
  return isError || data;
}
