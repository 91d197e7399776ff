// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, it, vi } from 'vitest';
import * as runs from '@/api/runs';
import type { TaskEvent } from '@/api/types';
import { useRunLog } from './use-run-log';

afterEach(cleanup);

function completion(id: number): TaskEvent {
  return {
    id,
    isTaskRecoverable: false,
    taskId: 'run',
    type: 'completion',
    createdAt: '2026-11-22T10:00:00Z',
    body: { message: 'Run completed with status: failed' },
  };
}

const stream = (event: TaskEvent) => new Response(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

const queries = new QueryClient();

function Queries({ children }: { children: ReactNode }) {
  return <QueryClientProvider client={queries}>{children}</QueryClientProvider>;
}

it('reads on when a retry failed before the run was seen in progress', async () => {
  const opened = vi.spyOn(runs, 'openEventStream');
  opened.mockResolvedValueOnce(stream(completion(78))).mockResolvedValueOnce(stream(completion(96)));
  const { result, rerender } = renderHook(({ stoppedAt }) => useRunLog('run', stoppedAt), {
    wrapper: Queries,
    initialProps: { stoppedAt: '2026-11-22T10:00:00Z' },
  });
  await waitFor(() => expect(result.current.connection).toBe('ended'));

  rerender({ stoppedAt: '2026-11-22T10:00:01Z' });
  await waitFor(() => expect(result.current.log.lastId).toBe(96));
  expect(opened.mock.calls.map(([, after]) => after)).toEqual([undefined, 78]);
});
