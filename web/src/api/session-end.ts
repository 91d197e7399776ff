import type { QueryClient } from '@tanstack/react-query';
import { ApiError } from './errors';

/** Listens for a query or command that was refused although the session was renewed. */
export function onSessionEnd(client: QueryClient, tell: () => void): () => void {
  const check = (error: unknown) => {
    if (error instanceof ApiError && error.status === 401) tell();
  };
  const leaveQueries = client.getQueryCache().subscribe((event) => {
    if (event.type === 'updated' && event.action.type === 'error') check(event.action.error);
  });
  const leaveMutations = client.getMutationCache().subscribe((event) => {
    if (event.type === 'updated' && event.action.type === 'error') check(event.action.error);
  });
  return () => {
    leaveQueries();
    leaveMutations();
  };
}
