import type { JsonObject } from '@/api/types';
import { isObject } from '@/template/is-object';

/** Values from the URL in Backstage's format: JSON in `formData`. Anything else is ignored. */
export function readFormData(text: string | undefined): JsonObject | undefined {
  if (!text) return undefined;
  try {
    const values: unknown = JSON.parse(text);
    return isObject(values) ? values : undefined;
  } catch {
    return undefined;
  }
}
