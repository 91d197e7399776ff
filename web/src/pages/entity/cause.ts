import type { ChangeCause } from '@/api/types';

const words: Record<ChangeCause['kind'], string> = {
  unknown: 'before changes were recorded',
  schedule: 'its location was read on schedule',
  request: 'at the request of',
  configuration: 'the configuration changed',
  sweep: 'by sweep',
  event: 'by an event',
  relations: 'what other entities say about it changed',
  orphan: 'no location lists it any more',
  release: 'another release of Portico shows it differently',
};

/** What made a change, in a few words. */
export function causeText({ kind, by }: ChangeCause): string {
  return by ? `${words[kind]} ${by}` : words[kind];
}

/** A value of an entity for people: text as it is, anything else as JSON. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** A JSON Pointer as people write paths: spec.owner, metadata.tags[2]. */
export function pathText(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<string>((path, part) => {
      if (/^\d+$/.test(part)) return `${path}[${part}]`;
      if (!/^[\w$-]+$/.test(part)) return `${path}["${part}"]`;
      return path ? `${path}.${part}` : part;
    }, '');
}
