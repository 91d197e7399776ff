import { describe, expect, it } from 'vitest';
import type { Entity } from '@/api/types';
import { groupTemplates, matchesTemplate } from './group-templates';

function template(name: string, type: string | undefined, tags: string[] = [], title?: string): Entity {
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name, tags, ...(title && { title }) },
    spec: { ...(type && { type }) },
  };
}

describe('groupTemplates', () => {
  it('puts recommended templates and their purposes first', () => {
    const groups = groupTemplates([
      template('library', 'library'),
      template('plain', 'service'),
      template('golden', 'service', ['recommended']),
      template('odd', undefined),
    ]);
    expect(
      groups.map(({ purpose, templates }) => [purpose, ...templates.map(({ metadata }) => metadata.name)]),
    ).toEqual([
      ['service', 'golden', 'plain'],
      ['library', 'library'],
      ['other', 'odd'],
    ]);
  });
});

describe('matchesTemplate', () => {
  const go = template('go-service', 'service', ['go'], 'Go service');
  it.each([
    ['', undefined, true],
    ['service GO', undefined, true],
    ['rust', undefined, false],
    ['', 'go', true],
    ['', 'java', false],
  ])('finds by %j and tag %j', (text, tag, found) => {
    expect(matchesTemplate(go, text, tag)).toBe(found);
  });
});
