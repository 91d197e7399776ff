import { json, send } from './request';
import type {
  AuditActions,
  AuditPage,
  Decisions,
  Explanation,
  PluginPolicies,
  PluginRules,
  Preview,
  Proposal,
  RoleAccess,
  RoleDraft,
  RoleList,
  WholeRole,
} from './types';

export interface AuditQuery {
  who?: string;
  action?: string;
  resource?: string;
  outcome?: string;
  since?: string;
  until?: string;
  cursor?: string;
  limit?: number;
}

export function fetchAudit(query: AuditQuery, signal?: AbortSignal): Promise<AuditPage> {
  return json('/api/portico/v1/audit', { query: { ...query }, ...(signal && { signal }) });
}

export function fetchAuditActions(signal?: AbortSignal): Promise<AuditActions> {
  return json('/api/portico/v1/audit/actions', signal && { signal });
}

export interface ExplainQuestion {
  user?: string;
  permission: string;
  resource?: string;
}

export function fetchExplanation(question: ExplainQuestion, signal?: AbortSignal): Promise<Explanation> {
  return json('/api/portico/v1/policy/explain', { query: { ...question }, ...(signal && { signal }) });
}

/** A permission, and the resource that it is needed for if it is one on resources. */
export interface NeededPermission {
  permission: string;
  resource?: string;
}

/** Whether the caller has each of some permissions. */
export async function authorize(needed: readonly NeededPermission[]): Promise<boolean[]> {
  const items = needed.map(({ permission, resource }, index) => ({
    id: String(index),
    permission: { type: resource === undefined ? 'basic' : 'resource', name: permission, attributes: {} },
    ...(resource !== undefined && { resourceRef: resource }),
  }));
  const answer = await json<Decisions>('/api/permission/authorize', { method: 'POST', body: { items } });
  return answer.items.map(({ result }) => result === 'ALLOW');
}

export function fetchRoleAccess(signal?: AbortSignal): Promise<RoleAccess> {
  return json('/api/portico/v1/policy/access', signal && { signal });
}

export async function fetchRoles(signal?: AbortSignal): Promise<RoleList['roles']> {
  const answer = await json<RoleList>('/api/portico/v1/policy/roles', signal && { signal });
  return answer.roles;
}

/** The path of a role by its name without role:, such as default/developers. */
function rolePath(name: string): string {
  return `/api/portico/v1/policy/roles/${name.split('/').map(encodeURIComponent).join('/')}`;
}

export function fetchRole(name: string, signal?: AbortSignal): Promise<WholeRole> {
  return json(rolePath(name), signal && { signal });
}

/** Creates a role, or changes the version of it that the draft names. The draft may have another name for it. */
export async function saveRole(name: string, draft: RoleDraft): Promise<void> {
  await send(rolePath(name), { method: 'PUT', body: draft });
}

/** Deletes the version of a role that was read. */
export async function deleteRole(name: string, version: string): Promise<void> {
  const path = `/api/permission/roles/role/${name.split('/').map(encodeURIComponent).join('/')}`;
  await send(path, { method: 'DELETE', ifMatch: version });
}

/** What changes of roles would mean for people. The changes are not made. */
export function previewChanges(
  changes: readonly Partial<Proposal>[],
  query: { limit: number; after?: string },
  signal?: AbortSignal,
): Promise<Preview> {
  return json('/api/portico/v1/policy/preview', {
    method: 'POST',
    query,
    body: { changes },
    ...(signal && { signal }),
  });
}

/** The permissions of plugins, as policies name them. */
export function fetchPluginPolicies(signal?: AbortSignal): Promise<PluginPolicies[]> {
  return json('/api/permission/plugins/policies', signal && { signal });
}

/** The rules of conditions on the resources of plugins. */
export function fetchPluginRules(signal?: AbortSignal): Promise<PluginRules[]> {
  return json('/api/permission/plugins/condition-rules', signal && { signal });
}
