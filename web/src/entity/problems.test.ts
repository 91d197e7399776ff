import { expect, it } from 'vitest';
import type { Entity } from '@/api/types';
import { errorsOf, problemsOf } from './problems';

const entity: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'shop' },
  status: {
    items: [
      { type: 'a', level: 'info', message: 'read' },
      { type: 'b', level: 'warning', message: 'old' },
      { type: 'c', level: 'error', message: 'gone' },
    ],
  },
};

it('does not count remarks as problems, nor warnings as errors', () => {
  expect(problemsOf(entity).map((item) => item.message)).toEqual(['old', 'gone']);
  expect(errorsOf(entity).map((item) => item.message)).toEqual(['gone']);
});

it('finds none without a status', () => {
  const { status: _, ...well } = entity;
  expect(problemsOf(well)).toEqual([]);
});
