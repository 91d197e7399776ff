import type { Preview } from '@/api/types';
import { plural } from '@/ui/format';

/** What somebody has to confirm before a change of roles is saved. */
export interface Confirmation {
  title: string;
  reasons: string[];
}

/**
 * What of a change has to be confirmed; undefined if it takes nothing from anybody. What is not known may take
 * something, and so may other conditions.
 */
export function confirmationOf(preview: Preview | undefined): Confirmation | undefined {
  if (!preview) {
    return { title: 'Save without a preview?', reasons: ['It is not known what the change means for people.'] };
  }
  const { people, incomplete } = preview;
  const taken = [
    people.lose > 0 && `${plural(people.lose, 'person', 'people')} will lose something`,
    people.alter > 0 && `conditions change for ${plural(people.alter, 'person', 'people')}`,
  ].filter((part) => part !== false);
  if (taken.length === 0 && incomplete.length === 0) return undefined;
  const [first = 'save without a complete preview?', ...rest] = taken;
  return {
    title: [first.charAt(0).toUpperCase() + first.slice(1), ...rest].join(', and '),
    reasons: incomplete.map((reason) => `Not all is known: ${reason}.`),
  };
}
