import type { ClusterObjects } from '@/api/types';
import { plural } from '@/ui/format';

/** The types that are not shown by themselves, with their words. */
const words: Record<string, [one: string, many?: string]> = {
  services: ['service'],
  ingresses: ['ingress', 'ingresses'],
  jobs: ['job'],
  cronjobs: ['cron job'],
  configmaps: ['config map'],
  resourcequotas: ['resource quota'],
  limitranges: ['limit range'],
};

/** What else the entity has in a cluster: `1 service, 2 config maps`; empty for nothing. */
export function otherObjects({ resources }: ClusterObjects): string {
  return Object.entries(words)
    .map(([type, word]) => ({ word, count: resources.find((kind) => kind.type === type)?.resources.length ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ word: [one, many], count }) => plural(count, one, many))
    .join(', ');
}
