import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { roleAccessQuery, roleQuery, sessionQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { DeniedPage } from '@/policy/denied';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { type Draft, draftOf, emptyDraft } from './draft';
import { RoleEditor } from './role-editor';

const route = getRouteApi('/roles/$namespace/$name/edit');

/** The form for a new role. */
export function NewRolePage() {
  const access = useQuery(roleAccessQuery);
  const session = useQuery(sessionQuery);
  useEffect(() => {
    document.title = 'New role · Portico';
  }, []);
  for (const { data, error, refetch } of [access, session]) {
    if (error && !data) return <ErrorPanel error={error} doing="begin a new role" onRetry={() => refetch()} />;
  }
  if (!access.data || !session.data) return <Skeleton lines={8} />;
  if (access.data.create !== 'ALLOW')
    return <DeniedPage title="New role" needs={{ permission: 'policy.entity.create' }} />;
  const draft: Draft = { ...emptyDraft, owner: session.data.backstageIdentity.identity.userEntityRef };
  return <RoleEditor base={undefined} initial={draft} />;
}

/** The form for a role that is there. It starts from the role as it is when the page opens. */
export function EditRolePage() {
  const params = route.useParams();
  const name = `${params.namespace}/${params.name}`;
  const [role, setRole] = useState<WholeRole>();
  // What is shown may be old, and the form must not change under the hands of the person who fills it in.
  const { data, error, refetch, isFetchedAfterMount } = useQuery({ ...roleQuery(name), refetchOnMount: 'always' });
  useEffect(() => {
    document.title = `Edit ${params.name} · Roles`;
  }, [params.name]);
  useEffect(() => {
    if (isFetchedAfterMount && data) setRole((before) => before ?? data);
  }, [isFetchedAfterMount, data]);

  if (error && !role) return <ErrorPanel error={error} doing={`read ${name}`} onRetry={() => refetch()} />;
  if (!role) return <Skeleton lines={8} />;
  if (!role.mayUpdate && role.source === 'rest')
    return <DeniedPage title={name} needs={{ permission: 'policy.entity.update', resource: role.name }} />;
  if (role.source !== 'rest')
    return (
      <div className="space-y-2">
        <h1 className="text-title">{name} cannot be changed here</h1>
        <p className="text-muted">It does not come from the portal. Its page says where it can be changed.</p>
        <Link to="/roles/$namespace/$name" params={params} className="text-accent underline">
          Show the role
        </Link>
      </div>
    );
  return <RoleEditor base={role} initial={draftOf(role)} />;
}
