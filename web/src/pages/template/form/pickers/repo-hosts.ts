import { useQuery } from '@tanstack/react-query';
import { hostsQuery, ownersQuery } from '@/api/queries';
import type { Integration, RepositoryHost, RepositoryOwner } from '@/api/types';

/** A host for repositories, with its properties. */
export interface HostChoice {
  host: string;
  /** The note behind its name: why a repository cannot be created there; undefined without such a reason. */
  remark: string | undefined;
  tellsOwners: boolean;
}

/** The selectable hosts: those of the template, else those of the configuration, the best first. */
export function useHosts(allowed: readonly string[] | undefined, integrations: readonly Integration[]): HostChoice[] {
  const { data: known } = useQuery(hostsQuery);
  return hostChoices(allowed ?? integrations.map(({ host }) => host), known);
}

/** Hosts as options, those with credentials first; in the given order while they are loading. */
export function hostChoices(hosts: readonly string[], known: readonly RepositoryHost[] | undefined): HostChoice[] {
  if (!known) return hosts.map((host) => ({ host, remark: undefined, tellsOwners: false }));
  return hosts
    .map((host) => {
      const found = known.find((each) => each.host === host);
      return { host, remark: remarkOn(found), tellsOwners: Boolean(found?.tellsOwners && found.hasCredentials) };
    })
    .sort((a, b) => Number(Boolean(a.remark)) - Number(Boolean(b.remark)));
}

function remarkOn(host: RepositoryHost | undefined): string | undefined {
  if (!host) return 'not configured';
  return host.hasCredentials ? undefined : 'no credentials';
}

interface OwnerChoices {
  owners: readonly RepositoryOwner[];
  /** Why the host lists no owners. */
  reason: string | undefined;
}

/** The owners on a host to which the credentials have access. */
export function useOwners(choice: HostChoice | undefined): OwnerChoices {
  const { data } = useQuery({ ...ownersQuery(choice?.host ?? ''), enabled: choice?.tellsOwners ?? false });
  return { owners: data?.owners ?? [], reason: data?.reason };
}

/** The default owner: the only one, or the only one that is not a user. */
export function usualOwner(owners: readonly RepositoryOwner[]): string | undefined {
  if (owners.length === 1) return owners[0]?.name;
  const [organization, ...others] = owners.filter(({ kind }) => kind !== 'user');
  return others.length === 0 ? organization?.name : undefined;
}
