import type { Entity } from '@/api/types';
import { displayName } from '@/entity/ref';

export interface Group {
  purpose: string;
  templates: Entity[];
}

/** Templates by spec.type: recommended ones, and the types that have one, are first; then by name. */
export function groupTemplates(templates: readonly Entity[]): Group[] {
  const groups = new Map<string, Entity[]>();
  for (const template of templates) {
    const purpose = typeof template.spec?.type === 'string' ? template.spec.type : 'other';
    groups.set(purpose, [...(groups.get(purpose) ?? []), template]);
  }
  return [...groups]
    .map(([purpose, alike]) => ({ purpose, templates: alike.sort(byRecommendation) }))
    .sort((a, b) => recommended(b) - recommended(a) || a.purpose.localeCompare(b.purpose));
}

function byRecommendation(a: Entity, b: Entity): number {
  return weight(b) - weight(a) || displayName(a).localeCompare(displayName(b));
}

function recommended({ templates }: Group): number {
  return Math.max(...templates.map(weight));
}

function weight(template: Entity): number {
  return template.metadata.tags?.includes('recommended') ? 1 : 0;
}

/** Whether a template has the tag, and every word of the text is on its card. */
export function matchesTemplate(template: Entity, text: string, tag: string | undefined): boolean {
  const { name, description = '', tags = [] } = template.metadata;
  if (tag && !tags.includes(tag)) return false;
  const card = [displayName(template), name, description, ...tags].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => card.includes(word));
}
