import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useEffect } from 'react';
import { ApiError } from '@/api/errors';
import { infoQuery, roleAccessQuery, rolesQuery } from '@/api/queries';
import type { RoleSummary } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { DeniedButton, DeniedPage } from '@/policy/denied';
import { shortName, sourceLabel } from '@/policy/role';
import { buttonLook } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { rowLink } from '@/ui/row-link';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { type Column, Table } from '@/ui/table';

const route = getRouteApi('/roles');

/** All roles: who has them, and where they come from. */
export function RolesPage() {
  const { q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const info = useQuery(infoQuery);
  const { data, error, refetch } = useQuery({ ...rolesQuery, enabled: info.data?.roles === true });
  const shown = data?.filter((role) => matches(role, q)) ?? [];
  useEffect(() => {
    document.title = 'Roles · Portico';
  }, []);

  if (info.error && !info.data)
    return <ErrorPanel error={info.error} doing="list the roles" onRetry={() => info.refetch()} />;
  if (info.data?.roles === false) return <NoRolesHere />;
  if (error instanceof ApiError && error.status === 403) {
    return <DeniedPage title="Roles" needs={{ permission: 'policy.entity.read' }} />;
  }
  return (
    <div className="max-w-6xl space-y-4">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <h1 className="text-title">Roles</h1>
        <SearchInput
          label="Find by name, description or owner"
          value={q}
          onChange={(text) => navigate({ search: text ? { q: text } : {}, replace: true })}
          className="w-full sm:w-80"
        />
        {data && (
          <span role="status" className="text-muted">
            {plural(shown.length, 'role')}
          </span>
        )}
        <span className="grow" />
        <NewRole />
      </div>
      {error && <ErrorPanel error={error} doing="list the roles" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && shown.length === 0 && <Nothing searched={q !== ''} />}
      {shown.length > 0 && <Table label="Roles" columns={columns} rows={shown} rowKey={({ name }) => name} />}
    </div>
  );
}

function matches({ name, description = '', owner = '', source }: RoleSummary, text: string): boolean {
  const all = [name, description, owner, sourceLabel(source)].join('\n').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

function NewRole() {
  const { data, error, refetch } = useQuery(roleAccessQuery);
  if (error && !data) {
    return <ErrorPanel error={error} doing="tell whether you may create roles" onRetry={() => refetch()} />;
  }
  if (!data) return null;
  if (data.create !== 'ALLOW')
    return <DeniedButton needs={{ permission: 'policy.entity.create' }}>New role</DeniedButton>;
  return (
    <Link to="/roles/new" className={buttonLook('primary')}>
      <Plus size={16} aria-hidden />
      New role
    </Link>
  );
}

const columns: Column<RoleSummary>[] = [
  { key: 'name', header: 'Name', className: 'xl:w-[26%]', cell: (role) => <Name role={role} /> },
  {
    key: 'source',
    header: 'Source',
    className: 'hidden w-36 sm:table-cell',
    cell: ({ source }) => <span className="text-muted">{sourceLabel(source)}</span>,
  },
  {
    key: 'owner',
    header: 'Owner',
    className: 'hidden w-44 md:table-cell',
    cell: ({ owner }) => owner && <EntityLink entityRef={owner} className="relative" />,
  },
  count('members', 'Members', ({ members, isDefault }) => (isDefault ? 'everybody' : members)),
  count('policies', 'Policies', ({ policies }) => policies),
  count('conditions', 'Conditions', ({ conditions }) => conditions),
  {
    key: 'description',
    header: 'Description',
    className: 'hidden xl:table-cell',
    cell: ({ description = '' }) => (
      <span className="block truncate text-muted" title={description}>
        {description}
      </span>
    ),
  },
];

function count(key: string, header: string, of: (role: RoleSummary) => number | string): Column<RoleSummary> {
  return {
    key,
    header,
    className: classNames('w-24', key !== 'members' && 'hidden sm:table-cell'),
    cell: (role) => <span className="text-muted">{of(role)}</span>,
  };
}

function Name({ role }: { role: RoleSummary }) {
  const [namespace = '', name = ''] = shortName(role.name).split('/');
  return (
    <Link
      to="/roles/$namespace/$name"
      params={{ namespace, name }}
      className={classNames('font-medium wrap-anywhere', rowLink)}
    >
      {namespace === 'default' ? name : shortName(role.name)}
    </Link>
  );
}

function Nothing({ searched }: { searched: boolean }) {
  if (searched) return <Empty title="No role is like this." />;
  return (
    <Empty title="There are no roles yet.">
      <p>
        A role allows or denies permissions, and users and groups are its members. Without a role, nobody may do
        anything.
      </p>
    </Empty>
  );
}

function NoRolesHere() {
  return (
    <div className="space-y-2">
      <h1 className="text-title">Roles</h1>
      <Empty title="This Portico has no roles: whoever is signed in may do everything.">
        <p>
          Set <code className="font-mono">permission.enabled</code> and{' '}
          <code className="font-mono">permission.rbac</code> in the configuration to have roles decide.
        </p>
      </Empty>
    </div>
  );
}
