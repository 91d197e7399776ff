import { BookOpen, FileText, Play, Plug, Terminal } from 'lucide-react';
import type { ReactNode } from 'react';
import type { SearchGroup, SearchResult } from '@/api/types';
import { KindIcon } from '@/entity/kind-icon';
import { capitalized } from '@/ui/format';

/** The types of what the server finds, in the order in which they are shown. */
export const searchTypes = ['software-catalog', 'template', 'techdocs', 'api', 'run', 'action'] as const;

const labels: Record<string, string> = {
  'software-catalog': 'Catalog',
  template: 'Templates',
  techdocs: 'Documentation',
  api: 'APIs',
  run: 'Runs',
  action: 'Actions',
};

export function typeLabel(type: string): string {
  return labels[type] ?? capitalized(type.replace(/^source:/, '').replaceAll('-', ' '));
}

/** The heading of a group: another system has a title of its own. */
export function groupLabel({ type, title }: Pick<SearchGroup, 'type' | 'title'>): string {
  return title ?? typeLabel(type);
}

export function TypeIcon({ result: { type, document } }: { result: SearchResult }): ReactNode {
  const look = { size: 14, 'aria-hidden': true, className: 'shrink-0 text-muted' } as const;
  if (isEntity(type)) return <KindIcon kind={document.kind ?? ''} />;
  if (type === 'techdocs') return <BookOpen {...look} />;
  if (type === 'api') return <Plug {...look} />;
  if (type === 'run') return <Play {...look} />;
  if (type === 'action') return <Terminal {...look} />;
  return <FileText {...look} />;
}

function isEntity(type: string): boolean {
  return type === 'software-catalog' || type === 'template';
}

/** What a result is, in few words. */
export function hintOf({ type, document }: SearchResult): string {
  if (type === 'run' || type === 'action') return [type, document.status].filter(Boolean).join(', ');
  if (isEntity(type)) {
    const place = document.namespace && document.namespace !== 'default' ? ` in ${document.namespace}` : '';
    return `${document.kind?.toLowerCase() ?? ''}${place}`;
  }
  return document.documentType ?? document.entityTitle ?? document.name ?? '';
}

/**
 * The address of a result in the portal. A template is found to be used. Undefined for an address that would not open a page.
 */
export function addressOf({ type, document }: SearchResult): string | undefined {
  const { location, kind } = document;
  if (isEntity(type) && kind?.toLowerCase() === 'template') {
    const [, namespace, , name] = /^\/catalog\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(location) ?? [];
    if (namespace && name) return `/create/templates/${namespace}/${name}`;
  }
  return /^(?:\/(?!\/)|https?:\/\/)/.test(location) ? location : undefined;
}
