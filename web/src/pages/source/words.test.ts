import { describe, expect, it } from 'vitest';
import type { Sweep } from '@/api/types';
import { causeOf, changesOf, progressOf, removalsOf, scheduleOf } from './words';

const sweep = {
  pages: 1,
  requests: 2,
  entities: 1,
  added: 0,
  changed: 0,
  removed: 0,
} as Sweep;

describe('a source', () => {
  it.each([
    ['every 30 min', { everySeconds: 1800 }],
    ['0 3 * * * (UTC)', { cron: '0 3 * * *' }],
    ['only when somebody asks for it', {}],
  ])('is swept %s', (words, schedule) => expect(scheduleOf(schedule)).toBe(words));
});

describe('a sweep', () => {
  it.each([
    ['1 page, 2 requests, 1 entity', {}],
    ['1 page, 2 requests, 25 of 5,000 entities', { entities: 25, total: 5000 }],
    ['1 page, 2 requests, 25 entities', { entities: 25, total: 25 }],
  ])('has read %s', (words, part) => expect(progressOf({ ...sweep, ...part })).toBe(words));

  it.each([
    ['nothing changed', {}],
    ['1,200 added, 1 removed', { added: 1200, removed: 1 }],
    ['3 changed', { changed: 3 }],
  ])('says: %s', (words, part) => expect(changesOf({ ...sweep, ...part })).toBe(words));

  it.each([
    ['It removed', 'committed'],
    ['It would remove', 'waiting'],
    ['It would have removed', 'dropped'],
    ['It would have removed', 'failed'],
  ] as const)('says: %s, when it is %s', (words, state) => expect(removalsOf({ state })).toBe(words));

  it.each([
    ['by schedule', { cause: 'schedule' }],
    ['because of an event of its host', { cause: 'event' }],
    ['asked for by user:default/ada', { cause: 'person', askedBy: 'user:default/ada' }],
    ['the configuration has the source no more', { cause: 'removal' }],
  ] as const)('was made %s', (words, part) => expect(causeOf(part)).toBe(words));
});
