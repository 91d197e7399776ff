import { useQuery } from '@tanstack/react-query';
import type { Entity } from '@/api/types';
import { refOf } from '@/entity/ref';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { GroupTree, Memberships } from './groups';
import { type Organization, targetsOf } from './organization';
import { Owned } from './owned';
import { People } from './people';
import { organizationQuery } from './queries';

/** Kinds that own things, and have a page of what they own. */
export function isOwner(entity: Entity): boolean {
  return ['group', 'user'].includes(entity.kind.toLowerCase());
}

/** Relations that the page of a group or user shows in sections of their own. */
export const shownInSections = ['ownerOf', 'hasMember', 'memberOf', 'parentOf', 'childOf'];

/** What a group or a user owns. */
export function OwnedSection({ entity }: { entity: Entity }) {
  const { data, isPending } = useQuery(organizationQuery(entity));
  return (
    <Owned
      own={refOf(entity)}
      wider={data && widerOwners(entity, data)}
      pending={isPending}
      widerLabel={isUser(entity) ? 'With the groups' : 'With groups below'}
    />
  );
}

/** Who belongs to whom. */
export function OrganizationSections({ entity }: { entity: Entity }) {
  const { data, error, refetch } = useQuery(organizationQuery(entity));
  if (error) return <ErrorPanel error={error} doing="read the groups around it" onRetry={() => refetch()} />;
  if (!data) return <Skeleton lines={4} />;
  if (isUser(entity)) return <Memberships entity={entity} organization={data} />;
  return (
    <>
      <People entity={entity} organization={data} />
      <GroupTree entity={entity} organization={data} />
    </>
  );
}

function isUser(entity: Entity): boolean {
  return entity.kind.toLowerCase() === 'user';
}

/** A user owns with their own groups, as for permissions; a group with all groups below it. */
function widerOwners(entity: Entity, { below }: Organization): string[] | undefined {
  const others = isUser(entity) ? targetsOf(entity, 'memberOf') : below.map(({ ref }) => ref);
  return others.length > 0 ? [refOf(entity), ...others] : undefined;
}
