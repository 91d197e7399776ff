import type { PodUsage } from '@/api/types';
import type { Pod } from './objects';

/** What a pod uses, in words, after what it may use if that is bounded. Both are empty for a pod without a measurement. */
export function usageOf({ metadata }: Pod, usages: readonly PodUsage[]): { cpu: string; memory: string } {
  const found = usages.find(({ pod }) => {
    const measured = (pod as unknown as Pod).metadata;
    return measured.name === metadata.name && measured.namespace === metadata.namespace;
  });
  if (!found) return { cpu: '', memory: '' };
  const { cpu, memory } = found;
  return {
    cpu: within(formatCores(cpu.currentUsage), cpu.limitTotal && formatCores(cpu.limitTotal)),
    memory: within(formatBytes(memory.currentUsage), memory.limitTotal && formatBytes(memory.limitTotal)),
  };
}

function within(used: string, limit: string | 0): string {
  return limit ? `${used} of ${limit}` : used;
}

/** Cores as Kubernetes writes them: 250m, 1.5. */
export function formatCores(cores: number): string {
  return cores < 1 ? `${Math.round(cores * 1000)}m` : String(Math.round(cores * 10) / 10);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)), units.length - 1);
  const amount = bytes / 1024 ** power;
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[power]}`;
}
