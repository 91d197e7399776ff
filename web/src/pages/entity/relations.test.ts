import { expect, it } from 'vitest';
import type { Entity } from '@/api/types';
import { groupRelations } from './relations';

it('groups by type in a fixed order, each target once, unknown types last', () => {
  const entity: Entity = {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: { name: 'web' },
    relations: [
      { type: 'watchedBy', targetRef: 'group:default/ops' },
      { type: 'dependsOn', targetRef: 'resource:default/db' },
      { type: 'dependsOn', targetRef: 'component:default/api' },
      { type: 'dependsOn', targetRef: 'resource:default/db' },
      { type: 'ownedBy', targetRef: 'group:default/a' },
    ],
  };
  expect(groupRelations(entity)).toEqual([
    { type: 'ownedBy', label: 'Owned by', refs: ['group:default/a'] },
    { type: 'dependsOn', label: 'Depends on', refs: ['component:default/api', 'resource:default/db'] },
    { type: 'watchedBy', label: 'watchedBy', refs: ['group:default/ops'] },
  ]);
  expect(groupRelations(entity, { watchedBy: 'watched by', ownedBy: 'ignored' }).map(({ label }) => label)).toEqual([
    'Owned by',
    'Depends on',
    'Watched by',
  ]);
});
