/**
 * The parts of a RepoUrlPicker's value, `host?owner=o&repo=r`. GitHub needs owner and repo; other parts are
 * kept for other hosts.
 */
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

export type RepoUrlPart = 'host' | 'owner' | 'repo';

const problems: Record<RepoUrlPart, string> = {
  host: 'Choose a host.',
  owner: 'Say who will own the repository.',
  repo: 'Give the repository a name.',
};

/** The first part that is missing or invalid. */
export function wrongPart(value: unknown): RepoUrlPart | undefined {
  const { host, parts } = parseRepoUrl(value);
  if (!host) return 'host';
  if (!parts.owner && !parts.project && !parts.workspace) return 'owner';
  return parts.repo && /^[\w.-]+$/.test(parts.repo) ? undefined : 'repo';
}

export function repoUrlProblem(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined;
  const part = wrongPart(value);
  if (part === 'repo' && parseRepoUrl(value).parts.repo)
    return 'A repository’s name has letters, digits, dots, dashes and underscores only.';
  return part && problems[part];
}
