import { Link, useNavigate } from '@tanstack/react-router';
import { CircleCheck } from 'lucide-react';
import { useId, useState } from 'react';
import { registerLocation, tryLocation } from '@/api/catalog';
import type { LocationTrial } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { refOf } from '@/entity/ref';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import { ErrorPanel } from '@/ui/states';
import { ResultHeading } from './result-heading';

interface DescriptorFile {
  target: string;
  registered?: boolean;
  entities: readonly string[];
}

/** Descriptors that exist: each can be previewed and registered. */
export function Descriptors({ title, files }: { title: string; files: readonly DescriptorFile[] }) {
  return (
    <section className="space-y-3">
      <ResultHeading>{title}</ResultHeading>
      <ul className="divide-y rounded-md border">
        {files.map((file) => (
          <li key={file.target} className="space-y-2 p-3">
            <Descriptor file={file} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Descriptor({ file: { target, registered, entities } }: { file: DescriptorFile }) {
  const id = useId();
  const navigate = useNavigate();
  const [trial, setTrial] = useState<LocationTrial>();
  const preview = useCommand(() => tryLocation(target), { onSuccess: setTrial });
  const registration = useCommand(() => registerLocation(target), {
    onSuccess: () =>
      navigate({ to: '/catalog', state: { notice: `${target} is registered. Its entities appear when it was read.` } }),
  });
  const isThere = registered || trial?.exists;
  return (
    <>
      <p id={id} className="font-mono text-small wrap-anywhere">
        {target}
      </p>
      {entities.length > 0 && <p className="text-muted">{entities.join(', ')}</p>}
      {isThere ? (
        <p className="flex items-center gap-1.5 text-muted">
          <CircleCheck size={16} aria-hidden className="shrink-0 text-done" />
          It is registered already.
        </p>
      ) : (
        <div className="flex flex-wrap gap-2">
          <Button onClick={preview.start} busy={preview.busy} aria-describedby={id}>
            Preview
          </Button>
          <Button tone="primary" onClick={registration.start} busy={registration.busy} aria-describedby={id}>
            Register
          </Button>
        </div>
      )}
      {preview.error && <ErrorPanel error={preview.error} doing="read the descriptor" onRetry={preview.start} />}
      {registration.error && (
        <ErrorPanel error={registration.error} doing="register the descriptor" onRetry={registration.start} />
      )}
      <div role="status">{trial && !preview.busy && <Preview trial={trial} />}</div>
    </>
  );
}

/** What would come into the catalog. */
function Preview({ trial: { entities } }: { trial: LocationTrial }) {
  const coming = entities.filter(({ kind }) => kind !== 'Location');
  return (
    <div className="space-y-1">
      <p>{plural(coming.length, 'entity', 'entities')} would come into the catalog:</p>
      <ul className="space-y-0.5">
        {coming.map((entity) => (
          <li key={refOf(entity)}>
            <EntityLink entityRef={refOf(entity)} />{' '}
            <span className="text-muted">{[entity.kind, entity.spec?.type].filter(Boolean).join(', ')}</span>
          </li>
        ))}
      </ul>
      <p className="text-small text-muted">
        Those that are there already stay with the file that has them: see{' '}
        <Link to="/catalog/health" className="underline">
          Health
        </Link>
        .
      </p>
    </div>
  );
}
