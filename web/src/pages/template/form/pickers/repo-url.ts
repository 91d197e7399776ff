import type { Integration } from '@/api/types';

/** The parts of a RepoUrlPicker's value, `host?owner=o&repo=r`. Which there are depends on the host. */
export interface RepoUrl {
  host: string;
  parts: Record<string, string>;
}

export function parseRepoUrl(value: unknown): RepoUrl {
  const [host = '', query = ''] = typeof value === 'string' ? value.split('?', 2) : [];
  return { host, parts: Object.fromEntries(new URLSearchParams(query)) };
}

export function formatRepoUrl({ host, parts }: RepoUrl): string {
  const query = new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== ''));
  return `${host}?${query}`;
}

/** The repository as `host/owner/repo`. */
export function humanizeRepoUrl(value: unknown): string {
  const { host, parts } = parseRepoUrl(value);
  const { owner, organization, project, workspace, repo } = parts;
  return [host, organization, workspace, project, owner, repo].filter(Boolean).join('/');
}

export type RepoPartName = 'organization' | 'workspace' | 'project' | 'owner' | 'repo';
export type RepoUrlPart = 'host' | RepoPartName;

/** One part of a repository's address, as people on its host call it. */
export interface RepoPart {
  name: RepoPartName;
  label: string;
  /** The message for a missing part; undefined for one that may be missing. */
  missing?: string;
  /** The option of a template that lists its allowed values. */
  option?: RepoOption;
}

export type RepoOption = 'allowedOrganizations' | 'allowedOwners' | 'allowedProjects' | 'allowedRepos';

const repo: RepoPart = {
  name: 'repo',
  label: 'Name',
  missing: 'Give the repository a name.',
  option: 'allowedRepos',
};
const owner: RepoPart = {
  name: 'owner',
  label: 'Owner',
  missing: 'Say who will own the repository.',
  option: 'allowedOwners',
};
const project: RepoPart = {
  name: 'project',
  label: 'Project',
  missing: 'Say in which project it will be.',
  option: 'allowedProjects',
};
const organization: RepoPart = {
  name: 'organization',
  label: 'Organization',
  missing: 'Say in which organization it will be.',
  option: 'allowedOrganizations',
};
const workspace: RepoPart = {
  name: 'workspace',
  label: 'Workspace',
  missing: 'Say in which workspace it will be.',
  option: 'allowedOwners',
};

/** The parts on each type of host, in the order in which they contain each other. */
const partsByType: Record<string, RepoPart[]> = {
  azure: [organization, project, repo],
  bitbucketCloud: [workspace, project, repo],
  bitbucketServer: [project, repo],
  // Its projects have a parent instead of an owner, and may have both.
  gerrit: [{ name: 'workspace', label: 'Parent' }, { name: 'owner', label: 'Owner', option: 'allowedOwners' }, repo],
  gitea: [owner, repo],
  github: [owner, repo],
  gitlab: [{ ...owner, label: 'Group or user' }, repo],
};

/** The types of hosts that need no configuration to be known. */
const wellKnown: Record<string, string> = {
  'bitbucket.org': 'bitbucketCloud',
  'dev.azure.com': 'azure',
  'gitlab.com': 'gitlab',
};

/** The parts of repositories on a host. One that is not known is taken for a GitHub. */
export function partsOn(host: string, hosts: readonly Integration[]): readonly RepoPart[] {
  const type = hosts.find((each) => each.host === host)?.type ?? wellKnown[host] ?? 'github';
  return partsByType[type] ?? [owner, repo];
}

/** The first part that is missing or invalid. */
export function wrongPart(value: unknown, hosts: readonly Integration[]): RepoUrlPart | undefined {
  const { host, parts } = parseRepoUrl(value);
  if (!host) return 'host';
  const missing = partsOn(host, hosts).find((part) => part.missing !== undefined && !parts[part.name]);
  // A number alone names a project of GitLab.
  if (missing && !(missing.name === 'owner' && parts.project)) return missing.name;
  return parts.repo === undefined || /^[\w.-]+$/.test(parts.repo) ? undefined : 'repo';
}

export function repoUrlProblem(value: unknown, hosts: readonly Integration[] = []): string | undefined {
  if (value === undefined || value === '') return undefined;
  const name = wrongPart(value, hosts);
  const { host, parts } = parseRepoUrl(value);
  if (name === undefined) return undefined;
  if (name === 'host') return 'Choose a host.';
  if (name === 'repo' && parts.repo)
    return 'A repository’s name has letters, digits, dots, dashes and underscores only.';
  return partsOn(host, hosts).find((part) => part.name === name)?.missing;
}
