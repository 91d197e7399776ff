import { command, json } from './request';
import type { SourceList, SourceWithSweeps } from './types';

export const fetchSources = (signal: AbortSignal) => json<SourceList>('/api/portico/v1/catalog/sources', { signal });

const sourcePath = (name: string) => `/api/portico/v1/catalog/sources/${encodeURIComponent(name)}`;

/** A source with its latest sweeps, the latest first. */
export const fetchSource = (name: string, signal: AbortSignal) => json<SourceWithSweeps>(sourcePath(name), { signal });

export async function commandSource(name: string, what: 'sweep' | 'pause' | 'resume'): Promise<void> {
  await command(`${sourcePath(name)}/${what}`);
}

export async function decideSweep(id: string, decision: 'approve' | 'drop' | 'cancel'): Promise<void> {
  await command(`/api/portico/v1/catalog/sweeps/${encodeURIComponent(id)}/${decision}`);
}
