import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { ChevronDown } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { docsBuildsQuery, docsPageQuery } from '@/docs/queries';
import { currentOf, pageAddress, type Site, siteAddress, versionOf } from '@/docs/site';
import { Button, buttonLook } from '@/ui/button';
import { ExternalLink } from '@/ui/external-link';
import { Menu, MenuChoice, MenuChoices } from '@/ui/menu';
import { Key } from '@/ui/tag';
import { useKeys } from './use-keys';

interface VersionProps {
  site: Site;
  /** The path of the page that is read. */
  path: string;
}

/** Whether the page that is shown next was chosen by the switch, which then has the focus again. */
let switched = false;

/** Goes to a page of another version, or to that version's first page when it does not have the page. */
function useVersions(site: Site, path: string): (name: string) => Promise<void> {
  const queries = useQueryClient();
  const { history } = useRouter();
  return async (name) => {
    const other = { ...site, name };
    const isThere = await queries.fetchQuery(docsPageQuery(other, path)).then(
      () => true,
      () => false,
    );
    switched = true;
    history.push(isThere ? pageAddress(other, path) : siteAddress(other));
  };
}

/** The versions of a documentation, if it has more than the current one. */
export function VersionSwitch({ site, path }: VersionProps) {
  const trigger = useRef<HTMLButtonElement>(null);
  const current = currentOf(site);
  const { data } = useQuery(docsBuildsQuery(current));
  const go = useVersions(site, path);
  useKeys({ v: () => trigger.current?.focus() });
  const isShown = data !== undefined;
  useEffect(() => {
    if (!isShown || !switched) return;
    switched = false;
    trigger.current?.focus();
  }, [isShown]);
  const versions = data?.versions.filter(({ publishedAt }) => publishedAt) ?? [];
  if (versions.length === 0 && current === site) return null;
  const branches = versions.filter(({ pullRequest }) => !pullRequest);
  const previews = versions.filter(({ pullRequest }) => pullRequest);
  const shown = versionOf(site) ?? (data?.ref || 'Current');
  return (
    <Menu
      trigger={
        <button ref={trigger} type="button" aria-keyshortcuts="v" className={buttonLook('plain')}>
          <span className="sr-only">Version:</span>
          <span className="max-w-48 truncate">{shown}</span>
          <Key>v</Key>
          <ChevronDown size={16} aria-hidden className="text-muted" />
        </button>
      }
    >
      <div className="max-h-[60vh] overflow-y-auto">
        <MenuChoices label="Versions" value={site.name} onChange={go}>
          <MenuChoice value={current.name}>{data?.ref ? `${data.ref} (current)` : 'Current'}</MenuChoice>
          {branches.map(({ name, version }) => (
            <MenuChoice key={name} value={name}>
              {version}
            </MenuChoice>
          ))}
        </MenuChoices>
        {previews.length > 0 && (
          <MenuChoices label="Previews of pull requests" value={site.name} onChange={go}>
            {previews.map(({ name, pullRequest }) => (
              <MenuChoice key={name} value={name}>
                #{pullRequest?.number}
              </MenuChoice>
            ))}
          </MenuChoices>
        )}
      </div>
    </Menu>
  );
}

/** Says that what is read is not the current documentation. */
export function VersionBanner({ site, path }: VersionProps) {
  const current = currentOf(site);
  const { data } = useQuery({ ...docsBuildsQuery(current), enabled: current !== site });
  const go = useVersions(site, path);
  if (current === site) return null;
  const version = data?.versions.find(({ name }) => name === site.name);
  return (
    <p role="note" className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md border p-3 print:border-0">
      {version?.pullRequest ? (
        <span>
          This is a preview of{' '}
          <ExternalLink href={version.pullRequest.url}>pull request #{version.pullRequest.number}</ExternalLink>. It is
          not merged.
        </span>
      ) : (
        <span>
          You are reading version <strong>{versionOf(site)}</strong>. It is not the current documentation.
        </span>
      )}
      <Button onClick={() => go(current.name)}>Read the current one</Button>
    </p>
  );
}
