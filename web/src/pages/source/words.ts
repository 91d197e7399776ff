import type { Source, Sweep } from '@/api/types';
import { formatDuration, plural } from '@/ui/format';

/** When a source is swept. */
export function scheduleOf({ everySeconds, cron }: Pick<Source, 'everySeconds' | 'cron'>): string {
  if (cron) return `${cron} (UTC)`;
  return everySeconds ? `every ${formatDuration(everySeconds * 1000)}` : 'only when somebody asks for it';
}

/** How far a sweep has read. */
export function progressOf({ pages, requests, entities, total }: Sweep): string {
  const found =
    total && total > entities ? `${entities.toLocaleString('en')} of ${total.toLocaleString('en')}` : entities;
  return `${plural(pages, 'page')}, ${plural(requests, 'request')}, ${typeof found === 'string' ? `${found} entities` : plural(found, 'entity', 'entities')}`;
}

/** What a sweep changed, or would change while it waits for a decision. */
export function changesOf({ added, changed, removed }: Pick<Sweep, 'added' | 'changed' | 'removed'>): string {
  const parts = [
    [added, 'added'],
    [changed, 'changed'],
    [removed, 'removed'],
  ] as const;
  const words = parts.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString('en')} ${what}`);
  return words.join(', ') || 'nothing changed';
}

/** Whether the removals of a sweep were made: only a committed sweep has changed the catalog. */
export function removalsOf({ state }: Pick<Sweep, 'state'>): string {
  if (state === 'committed') return 'It removed';
  return state === 'waiting' || state === 'approved' ? 'It would remove' : 'It would have removed';
}

/** Why a sweep was made. */
export function causeOf({ cause, askedBy }: Pick<Sweep, 'cause' | 'askedBy'>): string {
  if (cause === 'removal') return 'the configuration has the source no more';
  if (cause === 'event') return 'because of an event of its host';
  return cause === 'person' ? `asked for by ${askedBy}` : 'by schedule';
}
