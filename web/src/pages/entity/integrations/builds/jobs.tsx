import { useQuery } from '@tanstack/react-query';
import { jobsQuery } from '@/api/queries';
import type { Build } from '@/api/types';
import { ExternalLink } from '@/ui/external-link';
import { formatDuration } from '@/ui/format';
import { State } from '@/ui/state';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { buildLooks } from './build-look';

/** The jobs of a build. */
export function Jobs({ build, entityRef }: { build: Build; entityRef: string }) {
  const { data, error, refetch } = useQuery(jobsQuery(entityRef, build));
  if (error) return <ErrorPanel error={error} doing="list the jobs" onRetry={() => refetch()} />;
  if (!data) return <Skeleton lines={2} />;
  if (data.items.length === 0) return <p className="py-1 pl-6 text-small text-muted">It has no jobs.</p>;
  return (
    <ul className="pl-6">
      {data.items.map((job) => (
        <li key={`${job.name} ${job.url}`} className="flex flex-wrap items-center gap-x-3 py-1">
          <span className="w-28 shrink-0">
            <State look={buildLooks[job.status]} />
          </span>
          <ExternalLink href={job.url}>{job.stage ? `${job.stage}: ${job.name}` : job.name}</ExternalLink>
          {job.seconds !== undefined && (
            <span className="text-small text-muted">{formatDuration(job.seconds * 1000)}</span>
          )}
        </li>
      ))}
    </ul>
  );
}
