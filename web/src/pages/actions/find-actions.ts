import type { Action } from '@/api/types';

/** Actions of one system: those whose ids begin alike. */
export interface ActionGroup {
  system: string;
  actions: Action[];
}

/** Actions by the first part of their ids, in alphabetical order. */
export function groupActions(actions: readonly Action[]): ActionGroup[] {
  const groups = new Map<string, Action[]>();
  for (const action of [...actions].sort((a, b) => a.id.localeCompare(b.id, 'en'))) {
    const [system = ''] = action.id.split(':');
    groups.set(system, [...(groups.get(system) ?? []), action]);
  }
  return [...groups].map(([system, alike]) => ({ system, actions: alike }));
}

/**
 * The actions in which every word of a text is found: in the id, the description or the names of inputs. Those
 * with all words in the id come first.
 */
export function findActions(actions: readonly Action[], text: string): Action[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (haystack: string) => words.every((word) => haystack.toLowerCase().includes(word));
  return actions
    .filter((action) => has(`${action.id} ${action.description ?? ''} ${namesIn(action.schema.input)}`))
    .sort((a, b) => Number(has(b.id)) - Number(has(a.id)));
}

function namesIn(schema: Action['schema']['input']): string {
  const properties = schema?.properties;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties).join(' ') : '';
}
