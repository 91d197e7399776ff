import { isObject } from '@/template/is-object';

/** A path in a form's values: property names and indexes from the root. */
export type Path = readonly (string | number)[];

/**
 * The values as JSON. A cleared field leaves `undefined`, which no schema can validate: such a property is
 * removed, and such an item of a list becomes null, so that the other items keep their positions.
 */
export function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : asJson(item)));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [name, asJson(inner)]),
  );
}

/** The paths of empty items of lists. */
export function emptyItems(value: unknown, path: Path = []): Path[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      item === undefined ? [[...path, index]] : emptyItems(item, [...path, index]),
    );
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => emptyItems(inner, [...path, name]));
}

export function valueAt(value: unknown, path: Path): unknown {
  let node = value;
  for (const part of path) {
    node = typeof node === 'object' && node !== null ? (node as Record<string | number, unknown>)[part] : undefined;
  }
  return node;
}
