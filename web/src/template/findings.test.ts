import { expect, it } from 'vitest';
import type { Entity } from '@/api/types';
import { problemsOf } from './findings';

const template = {
  apiVersion: 'scaffolder.backstage.io/v1beta3',
  kind: 'Template',
  metadata: { name: 't' },
  spec: { steps: [{ action: 'debug:log' }, { action: 'acme:deploy' }, { action: 'acme:deploy' }] },
} as unknown as Entity;

const absent = { severity: 'error', message: 'there is no action "acme:deploy" here.', next: 'See the page.' } as const;

it('one problem in several places is listed once, and errors come first', () => {
  const problems = problemsOf(
    [
      { severity: 'warning', field: 'spec.output', message: 'this cannot be evaluated: filter not found: x' },
      { ...absent, field: 'spec.steps[1].action' },
      { ...absent, field: 'spec.steps[2].action' },
    ],
    template,
  );
  expect(problems).toEqual([
    {
      severity: 'error',
      text: 'There is no action "acme:deploy" here. See the page.',
      fields: ['spec.steps[1].action', 'spec.steps[2].action'],
      action: 'acme:deploy',
    },
    {
      severity: 'warning',
      text: 'This cannot be evaluated: filter not found: x.',
      fields: ['spec.output'],
      action: undefined,
    },
  ]);
});

it.each([
  ['another step is at the place', 'spec.steps[0].action', template],
  ['the template is not known', 'spec.steps[1].action', undefined],
  ['the finding is about something else', 'spec.steps[1].input.x', template],
])('no action is named when %s', (_, field, known) => {
  expect(problemsOf([{ ...absent, field }], known)[0]?.action).toBeUndefined();
});
