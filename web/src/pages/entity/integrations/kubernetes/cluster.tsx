import { useState } from 'react';
import type { ClusterObjects } from '@/api/types';
import { useNow } from '@/ui/clock';
import { ExternalLink } from '@/ui/external-link';
import { ContainerLog, type Wanted } from './container-log';
import { otherObjects } from './other-objects';
import { TroubleList } from './trouble-list';
import { troublesIn } from './troubles';
import { WorkloadPods } from './workload-pods';
import { runningIn } from './workloads';

/** What runs of the entity in one cluster. */
export function Cluster({ found }: { found: ClusterObjects }) {
  const { name, title = name, dashboardUrl } = found.cluster;
  const now = useNow(10_000);
  const [wanted, setWanted] = useState<Wanted>();
  const others = otherObjects(found);
  return (
    <div className="space-y-4 pt-3">
      <h3>{dashboardUrl ? <ExternalLink href={dashboardUrl}>{title}</ExternalLink> : title}</h3>
      <TroubleList of={troublesIn(found, now)} onLog={setWanted} />
      {runningIn(found).map((running) => (
        <WorkloadPods key={running.key} running={running} usages={found.podMetrics} onLog={setWanted} />
      ))}
      {others && <p className="text-small text-muted">Also there: {others}.</p>}
      {wanted && <ContainerLog cluster={name} wanted={wanted} onClose={() => setWanted(undefined)} />}
    </div>
  );
}
