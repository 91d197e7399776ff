import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Pencil } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { roleQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { DeniedButton, DeniedPage } from '@/policy/denied';
import { shortName } from '@/policy/role';
import { buttonLook } from '@/ui/button';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { RelativeTime } from '@/ui/time';
import { inWords, storedCriteria } from './criteria';
import { DeleteRole } from './delete-role';
import { MemberPeople } from './member-people';

const route = getRouteApi('/roles/$namespace/$name');

/** A role: who has it, and what it allows and denies. */
export function RolePage() {
  const params = route.useParams();
  const name = `${params.namespace}/${params.name}`;
  const { data: role, error, refetch } = useQuery(roleQuery(name));
  useEffect(() => {
    document.title = `${params.name} · Roles`;
  }, [params.name]);

  if (error instanceof ApiError && error.status === 403)
    return <DeniedPage title={name} needs={{ permission: 'policy.entity.read' }} />;
  if (error instanceof ApiError && error.status === 404) return <Missing name={name} />;
  if (error && !role) return <ErrorPanel error={error} doing={`show ${name}`} onRetry={() => refetch()} />;
  if (!role) return <Skeleton lines={8} />;
  return (
    <article className="max-w-4xl space-y-6">
      <Header role={role} />
      <Members role={role} />
      <Policies role={role} />
      <Conditions role={role} />
    </article>
  );
}

function Header({ role }: { role: WholeRole }) {
  return (
    <header className="space-y-2">
      <p className="text-small text-muted">
        <Link to="/roles" className="hover:text-ink">
          Roles
        </Link>
      </p>
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <h1 className="min-w-0 grow text-title wrap-anywhere">{shortName(role.name)}</h1>
        {role.source === 'rest' && <Moves role={role} />}
      </div>
      {role.description && <p className="max-w-[70ch] whitespace-pre-wrap">{role.description}</p>}
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted">
        {role.owner && (
          <span className="inline-flex items-center gap-1.5">
            owned by <EntityLink entityRef={role.owner} />
          </span>
        )}
        <span>
          changed <RelativeTime at={role.lastModified} />
        </span>
        <Link to="/audit" search={{ resource: role.name }} className="hover:text-ink hover:underline">
          Audit log of this role
        </Link>
        <Link to="/explain" search={{}} className="hover:text-ink hover:underline">
          Explain a decision
        </Link>
      </p>
      <Origin role={role} />
    </header>
  );
}

function Moves({ role }: { role: WholeRole }) {
  const [namespace = '', name = ''] = shortName(role.name).split('/');
  return (
    <div className="flex flex-wrap gap-2">
      {role.mayUpdate ? (
        <Link to="/roles/$namespace/$name/edit" params={{ namespace, name }} className={buttonLook('primary')}>
          <Pencil size={16} aria-hidden />
          Edit
        </Link>
      ) : (
        <DeniedButton needs={{ permission: 'policy.entity.update', resource: role.name }}>Edit</DeniedButton>
      )}
      {role.mayDelete ? (
        <DeleteRole role={role} />
      ) : (
        <DeniedButton needs={{ permission: 'policy.entity.delete', resource: role.name }}>Delete</DeniedButton>
      )}
    </div>
  );
}

/** Why a role cannot be changed here, and where it can be. */
function Origin({ role }: { role: WholeRole }) {
  if (role.source === 'rest') return null;
  const place =
    role.source === 'csv-file' ? (
      <>
        This role is in a file{role.file && <Code>{`${role.file}:${role.line}`}</Code>}: change it there. The server
        reads the file again.
      </>
    ) : role.source === 'configuration' ? (
      <>
        This role is in the configuration, under <Code>permission.rbac</Code>: change it there, and restart the server.
      </>
    ) : (
      <>
        This role comes from <Code>{role.source}</Code>: change it there.
      </>
    );
  return (
    <p role="note" className="rounded-md border p-3">
      {place}
    </p>
  );
}

function Code({ children }: { children: string }) {
  return (
    <>
      {' '}
      <code className="font-mono text-small wrap-anywhere">{children}</code>
    </>
  );
}

function Members({ role }: { role: WholeRole }) {
  return (
    <Part title="Members" count={role.members.length} empty="Nobody is a member.">
      {role.isDefault && <li className="py-1.5">Everybody has this role.</li>}
      {role.members.map((member) => (
        <li key={member.entityRef} className="flex flex-wrap items-center gap-x-3 py-1.5">
          <EntityLink entityRef={member.entityRef} />
          <MemberPeople member={member.entityRef} />
          <Place of={member} />
        </li>
      ))}
    </Part>
  );
}

function Policies({ role }: { role: WholeRole }) {
  return (
    <Part title="Policies" count={role.policies.length} empty="There are none.">
      {role.policies.map((line) => (
        <li
          key={`${line.permission} ${line.policy} ${line.effect}`}
          className="flex flex-wrap items-baseline gap-x-3 py-1.5"
        >
          <span className={line.effect === 'deny' ? 'w-12 text-failed' : 'w-12 text-done'}>{line.effect}</span>
          <code className="font-mono text-small wrap-anywhere">{line.permission}</code>
          <span className="text-small text-muted">{line.policy}</span>
          <Explain permission={line.permission} />
          <Place of={line} />
        </li>
      ))}
    </Part>
  );
}

function Conditions({ role }: { role: WholeRole }) {
  return (
    <Part title="Conditions" count={role.conditions.length} empty="There are none.">
      {role.conditions.map((condition) => (
        <li key={condition.id} className="space-y-1 py-2">
          <p className="flex flex-wrap items-baseline gap-x-3">
            {condition.permissionMapping.map((entry) => (
              <code key={JSON.stringify(entry)} className="font-mono text-small wrap-anywhere">
                {typeof entry === 'string' ? `${entry} of ${condition.resourceType}` : entry.name}
              </code>
            ))}
            {condition.permissionMapping.map(
              (entry) => typeof entry !== 'string' && <Explain key={entry.name} permission={entry.name} />,
            )}
            <Place of={condition} />
          </p>
          <p className="text-small text-muted wrap-anywhere">if {inWords(storedCriteria(condition.conditions))}</p>
        </li>
      ))}
    </Part>
  );
}

function Part({ title, count, empty, children }: { title: string; count: number; empty: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="border-b pb-1.5">
        {title} <span className="text-small font-normal text-muted">{count}</span>
      </h2>
      {Array.isArray(children) && children.flat().filter(Boolean).length === 0 ? (
        <p className="py-2 text-muted">{empty}</p>
      ) : (
        <ul className="divide-y">{children}</ul>
      )}
    </section>
  );
}

/** A link to why somebody has a permission or not. A resource type is none. */
function Explain({ permission }: { permission: string }) {
  if (!permission.includes('.')) return null;
  return (
    <Link to="/explain" search={{ permission }} className="text-small text-muted hover:text-ink hover:underline">
      Explain<span className="sr-only"> {permission}</span>
    </Link>
  );
}

/** The line of a file. */
function Place({ of }: { of: { file?: string; line?: number } }) {
  if (!of.file) return null;
  return (
    <span className="text-small text-muted sm:ml-auto">
      {of.file}:{of.line}
    </span>
  );
}

function Missing({ name }: { name: string }) {
  return (
    <div className="space-y-2">
      <h1 className="text-title">There is no role {name}</h1>
      <p className="text-muted">
        It may have been deleted, or you may not read it.{' '}
        <Link to="/roles" className="text-accent underline">
          All roles
        </Link>
      </p>
    </div>
  );
}
