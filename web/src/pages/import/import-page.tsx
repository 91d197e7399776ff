import { getRouteApi, Link } from '@tanstack/react-router';
import { type FormEvent, useEffect, useId, useState } from 'react';
import { inspectRepository } from '@/api/catalog';
import type { Inspection } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { DeniedPage } from '@/policy/denied';
import { useIsAllowed } from '@/policy/may';
import { Button } from '@/ui/button';
import { Input } from '@/ui/input';
import { ErrorPanel } from '@/ui/states';
import { Descriptors } from './descriptors';
import { Proposal } from './proposal';
import { isFile } from './repo-url';

const route = getRouteApi('/catalog/import');

/** What is at a URL: a descriptor, or a repository with descriptors or without. */
type Found = { kind: 'file'; target: string } | { kind: 'repository'; target: string; inspection: Inspection };

/** Brings a repository into the catalog: it looks into it, shows what would come, and registers or proposes it. */
export function ImportPage() {
  const { url = '' } = route.useSearch();
  const allowed = useIsAllowed({ permission: 'catalog.location.create' });
  useEffect(() => {
    document.title = 'Import · Catalog';
  }, []);
  if (allowed === false) {
    return <DeniedPage title="Import into the catalog" needs={{ permission: 'catalog.location.create' }} />;
  }
  return (
    <div className="max-w-4xl space-y-6">
      <div className="flex flex-wrap items-baseline gap-x-6 gap-y-1">
        <h1 className="text-title">Import into the catalog</h1>
        <Link to="/catalog" className="text-muted hover:text-ink hover:underline">
          Catalog
        </Link>
      </div>
      <Analysis key={url} asked={url} />
    </div>
  );
}

/** The form, and what came of it. The URL of the page has the asked URL, so that it can be sent to somebody. */
function Analysis({ asked }: { asked: string }) {
  const navigate = route.useNavigate();
  const [url, setUrl] = useState(asked);
  const [found, setFound] = useState<Found>();
  const { start, busy, error } = useCommand(() => find(asked), { onSuccess: setFound });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the component is made anew for another URL
  useEffect(() => {
    if (asked) start();
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = url.trim();
    if (wanted === asked) start();
    else navigate({ search: { url: wanted } });
  };
  return (
    <>
      <UrlForm url={url} onChange={setUrl} onSubmit={submit} busy={busy} />
      <p role="status" className="sr-only">
        {busy && 'Looking into the repository.'}
      </p>
      {error && !busy && <ErrorPanel error={error} doing="look into the repository" onRetry={start} />}
      {found && !busy && <Result found={found} />}
    </>
  );
}

async function find(target: string): Promise<Found> {
  if (isFile(target)) return { kind: 'file', target };
  return { kind: 'repository', target, inspection: await inspectRepository(target) };
}

interface UrlFormProps {
  url: string;
  onChange: (url: string) => void;
  onSubmit: (event: FormEvent) => void;
  busy: boolean;
}

function UrlForm({ url, onChange, onSubmit, busy }: UrlFormProps) {
  const id = useId();
  return (
    <form onSubmit={onSubmit} className="space-y-1.5">
      <label htmlFor={id} className="font-medium">
        URL of a repository, or of a descriptor in it
      </label>
      <div className="flex flex-wrap gap-2">
        <Input
          id={id}
          type="url"
          required
          value={url}
          onChange={(event) => onChange(event.target.value)}
          aria-describedby={`${id}-hint`}
          className="min-w-0 flex-1 basis-80 font-mono"
        />
        <Button type="submit" tone="primary" busy={busy}>
          Analyze
        </Button>
      </div>
      <p id={`${id}-hint`} className="text-small text-muted">
        Such as https://github.com/acme/shop, or https://github.com/acme/shop/blob/main/catalog-info.yaml
      </p>
    </form>
  );
}

function Result({ found }: { found: Found }) {
  if (found.kind === 'file') return <Descriptors title="Descriptor" files={[{ target: found.target, entities: [] }]} />;
  const { inspection, target } = found;
  if (inspection.existing.length > 0) {
    return <Descriptors title={`Descriptors in ${inspection.repository}`} files={filesOf(inspection)} />;
  }
  return <Proposal target={target} inspection={inspection} />;
}

/** The descriptors of a repository, each with its entities. */
function filesOf({ existing }: Inspection) {
  const files = new Map<string, { target: string; registered: boolean; entities: string[] }>();
  for (const { location, isRegistered, entity } of existing) {
    const file = files.get(location.target) ?? { target: location.target, registered: isRegistered, entities: [] };
    if (entity.kind) file.entities.push(`${entity.kind}: ${entity.metadata?.name ?? ''}`);
    files.set(location.target, file);
  }
  return [...files.values()];
}
