// @vitest-environment happy-dom
import { act, renderHook } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { ParameterSchema } from '@/api/types';
import { flagsIn, useFlags } from './flags';
import { pagesOf } from './pages';

const flag = { 'backstage:featureFlag': 'beta' };
const parameters: ParameterSchema = {
  title: 'T',
  steps: [
    {
      title: 'A',
      schema: {
        required: ['name', 'size'],
        properties: {
          name: { type: 'string' },
          size: { type: 'string', ...flag },
          deep: { type: 'object', properties: { late: { type: 'string', 'ui:backstage': { featureFlag: 'alpha' } } } },
        },
      },
    },
    { title: 'B', schema: { properties: { region: { type: 'string' } }, ...flag } },
  ],
};

afterEach(() => localStorage.clear());

const shape = (on: string[]) =>
  pagesOf(parameters, undefined, new Set(on)).map(({ title, schema }) => [
    title,
    Object.keys(schema.properties ?? {}),
    schema.required,
  ]);

it('pages and fields behind a flag are shown once it is on', () => {
  expect(shape([])).toEqual([['A', ['name', 'deep'], ['name']]]);
  expect(shape(['beta'])).toEqual([
    ['A', ['name', 'size', 'deep'], ['name', 'size']],
    ['B', ['region'], undefined],
  ]);
  const [page] = pagesOf(parameters, undefined, new Set(['alpha']));
  expect(page?.schema.properties?.deep).toMatchObject({ properties: { late: { type: 'string' } } });
  expect(flagsIn(parameters)).toEqual(['alpha', 'beta']);
});

it('a flag stays on in this browser until it is switched off', () => {
  const first = renderHook(() => useFlags()).result;
  act(() => first.current[1]('beta'));
  expect([...first.current[0]]).toEqual(['beta']);
  const later = renderHook(() => useFlags()).result;
  expect([...later.current[0]]).toEqual(['beta']);
  act(() => later.current[1]('beta'));
  expect([...renderHook(() => useFlags()).result.current[0]]).toEqual([]);
});

it('what another program stored is ignored', () => {
  localStorage.setItem('portico.featureFlags', '{');
  expect([...renderHook(() => useFlags()).result.current[0]]).toEqual([]);
});
