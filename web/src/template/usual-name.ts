import type { JsonObject } from '@/api/types';

/** What templates usually call the field for the name of the thing that they make. */
const usualNames = ['name', 'component_id', 'componentId', 'serviceName', 'title'];

/** The name of the thing that a template is to make, as far as its values tell. */
export function usualName(values: JsonObject): string | undefined {
  return usualNames.map((name) => values[name]).find((value) => typeof value === 'string' && value !== '') as
    | string
    | undefined;
}
