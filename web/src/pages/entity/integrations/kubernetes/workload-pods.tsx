import { ScrollText } from 'lucide-react';
import type { PodUsage } from '@/api/types';
import { IconButton } from '@/ui/button';
import { State } from '@/ui/state';
import { RelativeTime } from '@/ui/time';
import type { Wanted } from './container-log';
import { podLook, restartsOf, workloadLook } from './look';
import { containersOf, type Pod } from './objects';
import { usageOf } from './usage';
import type { Running } from './workloads';

interface WorkloadPodsProps {
  running: Running;
  usages: readonly PodUsage[];
  onLog: (wanted: Wanted) => void;
}

/** A workload with how far it is, and its pods. */
export function WorkloadPods({ running: { workload, autoscaler, pods }, usages, onLog }: WorkloadPodsProps) {
  const title = workload ? `${workload.kind} ${workload.name}` : 'Other pods';
  return (
    <div className="space-y-1">
      <div className="flex flex-wrap items-center gap-x-3">
        <h4 className="font-medium wrap-anywhere">{title}</h4>
        {workload && <State look={workloadLook(workload)} />}
        {autoscaler && (
          <span className="text-small text-muted">
            scaled from {autoscaler.least} to {autoscaler.most}, now {autoscaler.current}
            {autoscaler.wanted !== autoscaler.current && `, soon ${autoscaler.wanted}`}
          </span>
        )}
      </div>
      {pods.length > 0 && <PodTable label={`Pods of ${title}`} pods={pods} usages={usages} onLog={onLog} />}
    </div>
  );
}

interface PodTableProps {
  label: string;
  pods: readonly Pod[];
  usages: readonly PodUsage[];
  onLog: (wanted: Wanted) => void;
}

const cell = 'py-1 pr-4';

function PodTable({ label, pods, usages, onLog }: PodTableProps) {
  const measured = usages.length > 0;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <section className="relative overflow-x-auto" aria-label={label} tabIndex={0}>
      <table className="w-full border-collapse">
        <thead>
          <tr className="border-b text-left text-small text-muted [&>th]:pr-4 [&>th]:font-normal">
            <th scope="col">Pod</th>
            <th scope="col">State</th>
            <th scope="col">Restarts</th>
            <th scope="col">Started</th>
            {measured && <th scope="col">CPU</th>}
            {measured && <th scope="col">Memory</th>}
            <th scope="col">
              <span className="sr-only">Log</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {pods.map((pod) => (
            <PodRow
              key={pod.metadata.uid ?? pod.metadata.name}
              pod={pod}
              usage={measured ? usageOf(pod, usages) : undefined}
              onLog={onLog}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface PodRowProps {
  pod: Pod;
  /** Undefined where nothing is measured. */
  usage: { cpu: string; memory: string } | undefined;
  onLog: (wanted: Wanted) => void;
}

function PodRow({ pod, usage, onLog }: PodRowProps) {
  const { name } = pod.metadata;
  const container = pod.spec?.containers?.[0]?.name;
  return (
    <tr className="border-b hover:bg-hover">
      <td className={`${cell} font-mono text-small whitespace-nowrap`}>{name}</td>
      <td className={cell}>
        <State look={podLook(pod)} />
      </td>
      <td className={cell}>{restartsOf(pod)}</td>
      <td className={cell}>{pod.status?.startTime && <RelativeTime at={pod.status.startTime} />}</td>
      {usage && <td className={`${cell} whitespace-nowrap`}>{usage.cpu}</td>}
      {usage && <td className={`${cell} whitespace-nowrap`}>{usage.memory}</td>}
      <td className="text-right">
        {container && containersOf(pod).length > 0 && (
          <IconButton
            icon={ScrollText}
            label={`Log of ${name}`}
            className="-my-1"
            onClick={() => onLog({ pod, container, previous: false })}
          />
        )}
      </td>
    </tr>
  );
}
