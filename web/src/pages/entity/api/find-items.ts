import type { Group } from './model';

/** The items whose name, summary or kind contains each word of a text. */
export function findItems(groups: readonly Group[], text: string): Group[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...groups];
  return groups
    .map((group) => ({
      ...group,
      items: group.items.filter(({ badge, name, summary = '' }) => {
        const all = `${badge} ${name} ${summary}`.toLowerCase();
        return words.every((word) => all.includes(word));
      }),
    }))
    .filter(({ items }) => items.length > 0);
}
