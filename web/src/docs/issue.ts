/** Repositories on hosts of which the kind is known, by host. */
export type HostTypes = Readonly<Record<string, string>>;

const mostQuoted = 1000;

interface Quotation {
  /** Where the page is edited. */
  edit: string;
  /** The address of the page in the portal. */
  page: string;
  title: string;
  text: string;
}

/**
 * The address of a new issue about a part of a page, in the repository in which the page is edited. Undefined for hosts
 * that have no such address.
 */
export function issueAddress({ edit, page, title, text }: Quotation, types: HostTypes): string | undefined {
  const place = repositoryOf(edit, types);
  if (!place) return undefined;
  const quoted = text.trim().slice(0, mostQuoted).replace(/^/gm, '> ');
  const body = [quoted, '', 'What should be different?', '', '', '---', `Page: ${page}`, `Source: ${edit}`].join('\n');
  const subject = `Documentation: ${title}`;
  const query =
    place.type === 'gitlab'
      ? new URLSearchParams({ 'issue[title]': subject, 'issue[description]': body })
      : new URLSearchParams({ title: subject, body });
  return `${place.issues}?${query}`;
}

function repositoryOf(edit: string, types: HostTypes): { type: string; issues: string } | undefined {
  let url: URL;
  try {
    url = new URL(edit);
  } catch {
    return undefined;
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const type = types[url.host] ?? typeByName(url.host);
  const gitlab = /^(\/.+?)\/-\/(?:edit|blob|tree|raw)\//.exec(url.pathname)?.[1];
  if (type === 'gitlab' || (type === undefined && gitlab)) {
    const path = gitlab ?? /^(\/[^/]+\/[^/]+)\//.exec(url.pathname)?.[1];
    return path ? { type: 'gitlab', issues: `${url.origin}${path}/-/issues/new` } : undefined;
  }
  const repository = /^(\/[^/]+\/[^/]+)\//.exec(url.pathname)?.[1];
  if (!repository || (type !== 'github' && type !== 'gitea')) return undefined;
  return { type, issues: `${url.origin}${repository}/issues/new` };
}

function typeByName(host: string): string | undefined {
  if (host === 'github.com' || host.startsWith('github.')) return 'github';
  if (host === 'gitlab.com' || host.startsWith('gitlab.')) return 'gitlab';
  return undefined;
}
