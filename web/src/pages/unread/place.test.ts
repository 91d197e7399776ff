import { expect, it } from 'vitest';
import { nameOf, placeOf } from './place';

it.each([
  [{}, undefined],
  [{ location_key: 'file:/a/b.yaml' }, { text: '/a/b.yaml' }],
  [{ location_key: 'file:/a/b.yaml', line: 7 }, { text: '/a/b.yaml, line 7' }],
  [{ location_key: 'url:https://x/a.yaml' }, { text: 'https://x/a.yaml', url: 'https://x/a.yaml' }],
  [
    { location_key: 'url:https://x/a.yaml', line: 3 },
    { text: 'https://x/a.yaml, line 3', url: 'https://x/a.yaml#L3' },
  ],
  [{ location_key: 'odd' }, { text: 'odd' }],
])('knows where %j is', (entity, place) => {
  expect(placeOf(entity)).toEqual(place);
});

it('names a generated Location by its target', () => {
  const target = 'https://x/a.yaml';
  expect(nameOf({ entity_ref: 'location:default/generated-1', unprocessed_entity: { spec: { target } } })).toBe(target);
  expect(nameOf({ entity_ref: 'location:default/hand-written', unprocessed_entity: {} })).toBe(
    'location:default/hand-written',
  );
  expect(nameOf({ entity_ref: 'component:default/a', unprocessed_entity: { spec: { target } } })).toBe(
    'component:default/a',
  );
});
