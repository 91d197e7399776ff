import { expect, it } from 'vitest';
import type { JsonObject } from '@/api/types';
import { pagesOf, problemsOn, shownPages, shownValues } from './pages';

const choice = { properties: { kind: { type: 'string', enum: ['api', 'web'] }, name: { type: 'string' } } };

function titlesWith(second: JsonObject, values: JsonObject): string[] {
  const steps = [choice, second, { properties: { last: { type: 'string' } } }];
  const pages = pagesOf(
    { title: 'T', steps: steps.map((schema, at) => ({ title: 'ABC'.charAt(at), schema })) },
    undefined,
  );
  return shownPages(pages, values).map(({ title }) => title);
}

const when = { when: "${{ parameters.kind === 'api' }}", required: ['spec'], properties: { spec: { type: 'string' } } };
const onlyIf = {
  if: { required: ['kind'], properties: { kind: { const: 'api' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['spec'], properties: { spec: { type: 'string' } } },
};
const dependent = {
  dependencies: {
    kind: {
      oneOf: [
        { properties: { kind: { enum: ['web'] } } },
        { properties: { kind: { enum: ['api'] }, spec: { type: 'string' } } },
      ],
    },
  },
};

it.each<[string, JsonObject]>([
  ['a condition of the page', when],
  ['if and then', onlyIf],
  ['a dependency', dependent],
])('a page is shown by %s on a value of an earlier page', (_, second) => {
  expect(titlesWith(second, { kind: 'api' })).toEqual(['A', 'B', 'C']);
  expect(titlesWith(second, { kind: 'web' })).toEqual(['A', 'C']);
  expect(titlesWith(second, {})).toEqual(['A', 'C']);
});

it.each<[string, JsonObject]>([
  ['only the server can evaluate its condition', { ...when, when: '${{ parameters.kind | upper }}' }],
  ['it has no field, but something to say', { description: 'Read this first' }],
])('a page is shown when %s', (_, second) => {
  expect(titlesWith(second, {})).toEqual(['A', 'B', 'C']);
});

it('fields of one page depend on a value of another', () => {
  const second = { properties: { name: { type: 'string' } }, ...onlyIf };
  const pages = pagesOf({ title: 'T', steps: [choice, second].map((schema) => ({ title: 'P', schema })) }, undefined);
  const problems = (values: JsonObject) => pages.flatMap((page) => problemsOn(page, values)).map(({ path }) => path);
  expect(problems({ kind: 'api' })).toEqual([['spec']]);
  expect(problems({ kind: 'web' })).toEqual([]);
});

it('what was typed on a page that is no longer shown is not sent', () => {
  const shared = { ...when, properties: { ...when.properties, name: { type: 'string' } } };
  const pages = pagesOf({ title: 'T', steps: [choice, shared].map((schema) => ({ title: 'P', schema })) }, undefined);
  const values = { kind: 'web', name: 'shop', spec: 'x', own: 1 };
  expect(shownValues(pages, shownPages(pages, values), values)).toEqual({ kind: 'web', name: 'shop', own: 1 });
  const others = { ...values, kind: 'api' };
  expect(shownValues(pages, shownPages(pages, others), others)).toEqual(others);
});
