import type { CatalogHealth } from '@/api/types';

/** The server counts no further than this. */
const most = 10_000;

/** A number of things that are wrong. */
export function counted(count: number): string {
  return count >= most ? `${most.toLocaleString('en')} or more` : count.toLocaleString('en');
}

const spans = {
  day: 'changed within a day',
  week: 'within a week',
  month: 'within a month',
  year: 'within a year',
  older: 'longer ago',
} as const;

/** How many entities changed when, without the spans in which none did. */
export function agesOf(ages: CatalogHealth['ages']): string {
  const parts = Object.entries(spans).flatMap(([span, text]) => {
    const count = ages[span as keyof typeof spans];
    return count > 0 ? [`${count.toLocaleString('en')} ${text}`] : [];
  });
  return parts.join(', ') || 'none yet';
}
