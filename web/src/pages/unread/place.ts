import type { UnprocessedEntity } from '@/api/types';

/** A location: its text, and its URL. */
export interface Place {
  text: string;
  url?: string;
}

/** The file of an entity, with its line; undefined for an entity without a file. */
export function placeOf({
  location_key: key,
  line,
}: Pick<UnprocessedEntity, 'location_key' | 'line'>): Place | undefined {
  if (!key) return undefined;
  const [, type, target = key] = /^([a-z-]+):(.*)$/s.exec(key) ?? [];
  const text = line ? `${target}, line ${line}` : target;
  return type === 'url' ? { text, url: line ? `${target}#L${line}` : target } : { text };
}

/** The name of an entity: the target of a Location that the catalog generated, otherwise the reference. */
export function nameOf({ entity_ref: ref, unprocessed_entity: written }: Named): string {
  const spec = written.spec as { target?: unknown } | undefined;
  return ref.startsWith('location:') && typeof spec?.target === 'string' ? spec.target : ref;
}

type Named = Pick<UnprocessedEntity, 'entity_ref' | 'unprocessed_entity'>;
