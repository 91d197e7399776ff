import type { ArgoCDApplication } from '@/api/types';
import { ExternalLink } from '@/ui/external-link';

const commit = /^[0-9a-f]{40,}$/;

/** A commit is shown as Git abbreviates it, the version of a chart whole. */
export function shortRevision(id: string): string {
  return commit.test(id) ? id.slice(0, 7) : id;
}

/** What was deployed of each source, with links to the commits. */
export function Revisions({ of }: { of: ArgoCDApplication['revisions'] }) {
  return (
    <span className="flex flex-wrap gap-x-3">
      {of.map(({ id, url, repository }) => (
        <code
          key={`${repository} ${id}`}
          title={repository && `${id} of ${repository}`}
          className="font-mono text-small"
        >
          {url ? <ExternalLink href={url}>{shortRevision(id)}</ExternalLink> : shortRevision(id)}
        </code>
      ))}
    </span>
  );
}
