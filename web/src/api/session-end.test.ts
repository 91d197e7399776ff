import { QueryClient } from '@tanstack/react-query';
import { expect, it, vi } from 'vitest';
import { ApiError } from './errors';
import { onSessionEnd } from './session-end';

function refusal(status: number): () => Promise<never> {
  return () => Promise.reject(new ApiError(new Response(null, { status }), 'Error', 'no'));
}

const ask = (queries: QueryClient, status: number) =>
  queries.fetchQuery({ queryKey: [status], queryFn: refusal(status), retry: false });

const command = (queries: QueryClient, status: number) =>
  queries
    .getMutationCache()
    .build(queries, { mutationFn: refusal(status) })
    .execute(undefined);

it.each([
  ['a question', ask],
  ['a command', command],
])('the refusal of %s ends the session, another failure does not', async (_, send) => {
  const queries = new QueryClient();
  const tell = vi.fn();
  const leave = onSessionEnd(queries, tell);
  await expect(send(queries, 403)).rejects.toThrow('no');
  expect(tell).not.toHaveBeenCalled();
  await expect(send(queries, 401)).rejects.toThrow('no');
  expect(tell).toHaveBeenCalledTimes(1);
  leave();
  await expect(send(queries, 401)).rejects.toThrow('no');
  expect(tell).toHaveBeenCalledTimes(1);
});
