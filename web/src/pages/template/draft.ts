import type { JsonObject } from '@/api/types';
import { isObject } from './form/split-schema';

const prefix = 'portico.draft.';

/** What was typed into a template's form and not yet sent, kept for this tab, so that a reload loses nothing. */
export function loadDraft(templateRef: string): JsonObject | undefined {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(prefix + templateRef) ?? 'null');
    return isObject(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps values but for the named secrets: of those not even the length is stored. */
export function saveDraft(templateRef: string, values: JsonObject, secrets: ReadonlySet<string>): void {
  sessionStorage.setItem(
    prefix + templateRef,
    JSON.stringify(values, (name, value) => (secrets.has(name) ? undefined : value)),
  );
}

export function dropDraft(templateRef: string): void {
  sessionStorage.removeItem(prefix + templateRef);
}

/** Values from an address, as Backstage hands them over: JSON in `formData`. Anything else is ignored. */
export function readFormData(text: string | undefined): JsonObject | undefined {
  if (!text) return undefined;
  try {
    const values: unknown = JSON.parse(text);
    return isObject(values) ? values : undefined;
  } catch {
    return undefined;
  }
}
