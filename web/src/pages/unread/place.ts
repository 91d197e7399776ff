import type { UnprocessedEntity } from '@/api/types';

/** Where something lies: the words for it, and the address where one can look. */
export interface Place {
  text: string;
  url?: string;
}

/** The file that an entity is in, with its line; undefined for one that no file holds. */
export function placeOf({
  location_key: key,
  line,
}: Pick<UnprocessedEntity, 'location_key' | 'line'>): Place | undefined {
  if (!key) return undefined;
  const [, type, target = key] = /^([a-z-]+):(.*)$/s.exec(key) ?? [];
  const text = line ? `${target}, line ${line}` : target;
  return type === 'url' ? { text, url: line ? `${target}#L${line}` : target } : { text };
}

/** What people know it by: a Location that the catalog made for itself by its target, everything else by its reference. */
export function nameOf({ entity_ref: ref, unprocessed_entity: written }: Named): string {
  const spec = written.spec as { target?: unknown } | undefined;
  return ref.startsWith('location:') && typeof spec?.target === 'string' ? spec.target : ref;
}

type Named = Pick<UnprocessedEntity, 'entity_ref' | 'unprocessed_entity'>;
