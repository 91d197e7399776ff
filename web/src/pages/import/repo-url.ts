/** The repoUrl of templates for a repository on a host, such as github.com?owner=acme&repo=shop. */
export function repoUrlOf(target: string, repository: string): string {
  const slash = repository.lastIndexOf('/');
  const [owner, repo] = [repository.slice(0, slash), repository.slice(slash + 1)];
  return `${new URL(target).host}?${new URLSearchParams({ owner, repo })}`;
}

/** Whether a URL is that of a single descriptor, and not of a repository. */
export function isFile(url: string): boolean {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return /\.(ya?ml|json)$/i.test(path) || url.includes('*');
}
