import { expect, it } from 'vitest';
import type { Ancestry, Entity } from '@/api/types';
import { errorsIn, outcomeOf, patience } from './refresh-outcome';

function entity(kind: string, name: string, etag: string, errors: string[] = []): Entity {
  const items = errors.map((message) => ({
    type: 'backstage.io/catalog-processing',
    level: 'error' as const,
    message,
  }));
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind,
    metadata: { name, uid: name, etag },
    ...(errors.length > 0 && { status: { items } }),
  };
}

function ancestry(...entities: Entity[]): Ancestry {
  return {
    rootEntityRef: 'component:default/web',
    items: entities.map((entity) => ({ entity, parentEntityRefs: [] })),
  };
}

const web = entity('Component', 'web', '1');
const above = entity('Location', 'root', '1');
const before = ancestry(web, above);
const soon = 1000;

it.each<[string, Ancestry | undefined, number, string]>([
  ['nothing is known yet', undefined, soon, 'waiting'],
  ['everything is as it was', ancestry(web, above), soon, 'waiting'],
  ['everything is as it was for long', ancestry(web, above), patience, 'unchanged'],
  ['the entity has changed', ancestry(entity('Component', 'web', '2'), above), soon, 'changed'],
  ['a location above has changed', ancestry(web, entity('Location', 'root', '2')), soon, 'waiting'],
  [
    'only a location above has changed for long',
    ancestry(web, entity('Location', 'root', '2')),
    patience,
    'changedAbove',
  ],
  ['a location above has gone', ancestry(web), patience, 'changedAbove'],
])('%s', (_, now, after, outcome) => {
  expect(outcomeOf({ before, at: 500 }, now, 500 + after)).toBe(outcome);
});

it('lists the errors of the entity, and of the locations above it', () => {
  const found = errorsIn(ancestry(entity('Component', 'web', '2', ['a']), entity('Location', 'root', '2', ['b', 'c'])));
  expect(found.map(({ entityRef, errors }) => [entityRef, errors.map(({ message }) => message)])).toEqual([
    ['component:default/web', ['a']],
    ['location:default/root', ['b', 'c']],
  ]);
});
