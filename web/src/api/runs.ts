import { command, json, send } from './request';
import type { RunCausePage, RunDetail, RunPage, Task } from './types';

export function fetchTask(id: string, signal?: AbortSignal): Promise<Task> {
  return json(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}`, signal && { signal });
}

export interface RunQuery {
  /** How the id begins. */
  id?: string;
  status?: string;
  phase?: string;
  template?: string;
  createdBy?: string;
  cause?: string;
  limit?: number;
  offset?: number;
}

export function fetchRuns(query: RunQuery, signal?: AbortSignal): Promise<RunPage> {
  return json('/api/portico/v1/runs', { query: { ...query }, ...(signal && { signal }) });
}

export type RunCauseQuery = Pick<RunQuery, 'template' | 'createdBy' | 'limit' | 'offset'>;

export function fetchRunCauses(query: RunCauseQuery, signal?: AbortSignal): Promise<RunCausePage> {
  return json('/api/portico/v1/run-causes', { query: { ...query }, ...(signal && { signal }) });
}

export function fetchRun(id: string, signal?: AbortSignal): Promise<RunDetail> {
  return json(`/api/portico/v1/runs/${encodeURIComponent(id)}`, signal && { signal });
}

export async function retryRun(id: string, generation: number): Promise<void> {
  await command(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/retry`, { generation });
}

/** The generation is part of the command: cancelling the run after a retry is another command. */
export async function cancelRun(id: string, generation: number): Promise<void> {
  await command(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/cancel`, undefined, generation);
}

export async function rollBackRun(id: string, generation: number): Promise<void> {
  await command(`/api/portico/v1/runs/${encodeURIComponent(id)}/rollback`, { generation });
}

export function openEventStream(id: string, after: number | undefined, signal: AbortSignal): Promise<Response> {
  return send(`/api/scaffolder/v2/tasks/${encodeURIComponent(id)}/eventstream`, { query: { after }, signal });
}
