import { command, json } from './request';
import type {
  Action,
  Availability,
  HostList,
  JsonObject,
  ParameterSchema,
  PartChoices,
  RepositoryBranches,
  RepositoryHost,
  RunID,
  TemplateFindings,
} from './types';

export function fetchParameterSchema(namespace: string, name: string, signal?: AbortSignal): Promise<ParameterSchema> {
  const path = `${encodeURIComponent(namespace)}/template/${encodeURIComponent(name)}`;
  return json(`/api/scaffolder/v2/templates/${path}/parameter-schema`, signal && { signal });
}

export function fetchTemplateFindings(
  templateRef: string | undefined,
  signal?: AbortSignal,
): Promise<TemplateFindings> {
  return json('/api/portico/v1/template-findings', { query: { template: templateRef }, ...(signal && { signal }) });
}

export function fetchActions(signal?: AbortSignal): Promise<Action[]> {
  return json('/api/scaffolder/v2/actions', signal && { signal });
}

export async function createTask(
  templateRef: string,
  values: JsonObject,
  secrets: Record<string, string>,
): Promise<RunID> {
  return JSON.parse(await command('/api/scaffolder/v2/tasks', { templateRef, values, secrets }));
}

/** The hosts on which repositories can be created. */
export async function fetchHosts(signal?: AbortSignal): Promise<RepositoryHost[]> {
  const answer = await json<HostList>('/api/portico/v1/hosts', signal && { signal });
  return answer.hosts;
}

/** The values of a part of a repository's address, given the parts that contain it. */
export function fetchChoices(
  host: string,
  part: string,
  place: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<PartChoices> {
  const path = [host, 'parts', part].map(encodeURIComponent).join('/');
  return json(`/api/portico/v1/hosts/${path}`, { query: place, ...(signal && { signal }) });
}

/** The branches of a repository whose names begin with a prefix. */
export function fetchBranches(
  host: string,
  parts: Readonly<Record<string, string>>,
  prefix: string,
  signal?: AbortSignal,
): Promise<RepositoryBranches> {
  const query = { ...parts, prefix };
  return json(`/api/portico/v1/hosts/${encodeURIComponent(host)}/branches`, { query, ...(signal && { signal }) });
}

/** Whether a repository can be created under a name. */
export function fetchAvailability(
  host: string,
  owner: string,
  name: string,
  signal?: AbortSignal,
): Promise<Availability> {
  const path = [owner, name].map(encodeURIComponent).join('/');
  return json(`/api/portico/v1/hosts/${encodeURIComponent(host)}/repositories/${path}`, signal && { signal });
}
