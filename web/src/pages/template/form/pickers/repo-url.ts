/**
 * What a RepoUrlPicker's value, `host?owner=o&repo=r`, is made of. GitHub needs owner and repo; other hosts have
 * other parts, which are kept.
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

/** The repository as people write it: `host/owner/repo`. */
export function humanizeRepoUrl(value: unknown): string {
  const { host, parts } = parseRepoUrl(value);
  const { owner, organization, project, workspace, repo } = parts;
  return [host, organization, workspace, project, owner, repo].filter(Boolean).join('/');
}

export function repoUrlProblem(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined;
  const { host, parts } = parseRepoUrl(value);
  if (!host) return 'Choose a host.';
  if (!parts.owner && !parts.project && !parts.workspace) return 'Say who will own the repository.';
  if (!parts.repo) return 'Give the repository a name.';
  if (!/^[\w.-]+$/.test(parts.repo))
    return 'A repository’s name has letters, digits, dots, dashes and underscores only.';
  return undefined;
}
