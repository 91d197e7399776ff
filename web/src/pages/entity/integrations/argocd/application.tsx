import { CircleAlert, CircleX } from 'lucide-react';
import type { ReactNode } from 'react';
import type { ArgoCDApplication } from '@/api/types';
import { ExternalLink } from '@/ui/external-link';
import { State } from '@/ui/state';
import { RelativeTime } from '@/ui/time';
import { healthLook, phaseLook, syncLook } from './look';
import { Revisions } from './revisions';

/** An application: how it is, what is wrong, what is deployed, and what was. */
export function Application({ application }: { application: ArgoCDApplication }) {
  const { name, url, instance, project, destination, healthMessage, revisions, images } = application;
  return (
    <article aria-label={name} className="space-y-2 py-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h3 className="wrap-anywhere">{url ? <ExternalLink href={url}>{name}</ExternalLink> : name}</h3>
        <State look={syncLook(application)} />
        <State look={healthLook(application)} />
      </div>
      {healthMessage && <p className="wrap-anywhere">{healthMessage}</p>}
      <Conditions of={application.conditions} />
      <dl className="grid grid-cols-[minmax(88px,auto)_minmax(0,1fr)] gap-x-6 gap-y-1">
        <Fact name="Revision">{revisions.length > 0 && <Revisions of={revisions} />}</Fact>
        <Fact name="Destination">{[destination.namespace, destination.cluster].filter(Boolean).join(' in ')}</Fact>
        <Fact name="Images">{images.length > 0 && <Images of={images} />}</Fact>
        <Fact name="Project">{project}</Fact>
        <Fact name="Instance">{instance}</Fact>
      </dl>
      <Operation of={application.operation} />
      <History of={application.history} />
    </article>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

function Images({ of }: { of: readonly string[] }) {
  return (
    <ul>
      {of.map((image) => (
        <li key={image} className="font-mono text-small">
          {image}
        </li>
      ))}
    </ul>
  );
}

/** What Argo CD reports as an error or warns of. */
function Conditions({ of }: { of: ArgoCDApplication['conditions'] }) {
  if (of.length === 0) return null;
  return (
    <ul aria-label="What Argo CD reports" className="space-y-1">
      {of.map(({ type, message }) => {
        const isError = type.endsWith('Error');
        const Icon = isError ? CircleX : CircleAlert;
        return (
          <li key={`${type} ${message}`} className="flex gap-2">
            <Icon
              size={16}
              aria-label={isError ? 'error' : 'warning'}
              className={isError ? 'mt-0.5 shrink-0 text-failed' : 'mt-0.5 shrink-0 text-waiting'}
            />
            <p className="min-w-0 wrap-anywhere">
              <span className="font-medium">{type}</span>: {message}
            </p>
          </li>
        );
      })}
    </ul>
  );
}

/** The latest synchronization. */
function Operation({ of }: { of: ArgoCDApplication['operation'] }) {
  if (!of) return null;
  const at = of.finishedAt ?? of.startedAt;
  const hasFailed = of.phase === 'Failed' || of.phase === 'Error';
  return (
    <div className="text-small">
      <p className="flex flex-wrap items-center gap-x-1.5 text-muted">
        The last synchronization <State look={phaseLook(of.phase)} />
        {at && <RelativeTime at={at} />}
        {of.by && <span>by {of.by}</span>}
      </p>
      {hasFailed && of.message && <p className="wrap-anywhere">{of.message}</p>}
    </div>
  );
}

/** The deployments, the latest first, for who opens them. */
function History({ of }: { of: ArgoCDApplication['history'] }) {
  if (of.length === 0) return null;
  return (
    <details>
      <summary className="w-fit cursor-pointer text-muted hover:text-ink">History</summary>
      <ol className="divide-y">
        {of.map(({ id, deployedAt, by, revisions }) => (
          <li key={id} className="flex flex-wrap items-baseline gap-x-4 py-1">
            <RelativeTime at={deployedAt} />
            <Revisions of={revisions} />
            {by && <span className="text-muted">by {by}</span>}
          </li>
        ))}
      </ol>
    </details>
  );
}
