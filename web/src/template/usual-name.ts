import type { JsonObject } from '@/api/types';

/** The usual names of the field for the name of the created thing. */
const usualNames = ['name', 'component_id', 'componentId', 'serviceName', 'title'];

/** The name of the thing that a template creates, if its values contain it. */
export function usualName(values: JsonObject): string | undefined {
  return usualNames.map((name) => values[name]).find((value) => typeof value === 'string' && value !== '') as
    | string
    | undefined;
}
