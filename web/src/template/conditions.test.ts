import { expect, it } from 'vitest';
import { holds } from './conditions';

const parameters = { kind: 'api', plain: false, tags: ['a'], none: [], size: 3, deep: { 'a b': 'c' }, text: '' };

it.each([
  ["${{ parameters.kind === 'api' }}", true],
  ['${{ parameters.kind == "web" }}', false],
  ['${{ parameters.kind !== "web" and not parameters.plain }}', true],
  ['${{ parameters.plain or parameters.none }}', false],
  ["${{ 'a' in parameters.tags }}", true],
  ["${{ 'b' not in parameters.tags }}", true],
  ["${{ parameters.kind in ['web', 'api'] }}", true],
  ["${{ parameters.deep['a b'] == 'c' }}", true],
  ['${{ (parameters.size > 2) and parameters.size <= 3 }}', true],
  ['${{ parameters.missing.deeper }}', false],
  ['${{ parameters.tags.length === 1 }}', true],
  ['${{ parameters.constructor }}', false],
  ['${{ not parameters.text }}', true],
  [true, true],
  [false, false],
])('%j is %s', (condition, expected) => {
  expect(holds(condition, parameters)).toBe(expected);
});

it.each([
  '${{ parameters.kind | upper === "API" }}',
  '${{ steps.a.output.x }}',
  '${{ parameters.kind ',
  '${{ parameters.a }} ${{ parameters.b }}',
  '${{ always() }}',
  "${{ parameters.kind == 'api' 'x' }}",
  'yes',
  undefined,
])('%j is left to the server', (condition) => {
  expect(holds(condition, parameters)).toBeUndefined();
});
