import type { Entity } from '@/api/types';
import { displayName } from '@/entity/ref';

export interface Group {
  purpose: string;
  templates: Entity[];
}

/** Templates by what they are for (spec.type), purposes in alphabetical order, recommended templates first. */
export function groupTemplates(templates: readonly Entity[]): Group[] {
  const groups = new Map<string, Entity[]>();
  for (const template of templates) {
    const purpose = typeof template.spec?.type === 'string' ? template.spec.type : 'other';
    groups.set(purpose, [...(groups.get(purpose) ?? []), template]);
  }
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([purpose, alike]) => ({ purpose, templates: alike.sort(byRecommendation) }));
}

function byRecommendation(a: Entity, b: Entity): number {
  return Number(isRecommended(b)) - Number(isRecommended(a)) || displayName(a).localeCompare(displayName(b));
}

function isRecommended(template: Entity): boolean {
  return template.metadata.tags?.includes('recommended') ?? false;
}

/** Whether a template has the tag, and every word of the text somewhere in what its card says. */
export function matchesTemplate(template: Entity, text: string, tag: string | undefined): boolean {
  const { name, description = '', tags = [] } = template.metadata;
  if (tag && !tags.includes(tag)) return false;
  const card = [displayName(template), name, description, ...tags].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => card.includes(word));
}
