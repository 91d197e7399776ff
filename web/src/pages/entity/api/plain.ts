/** Reads values of data that may be anything. */

export type Plain = Record<string, unknown>;

export function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown): Plain {
  return isObject(value) ? value : {};
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text, or a number where people forget the quotes: `version: 1.0`. */
export function asText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** An object with a key only if it has a value. */
export function some<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

const longestChain = 20;

/**
 * What a value refers to, through references within the document. A reference to elsewhere, or in a circle, is left as
 * it is.
 */
export function resolve(value: unknown, root: unknown): Plain {
  let node = asObject(value);
  for (let hops = 0; hops < longestChain; hops++) {
    const { $ref } = node;
    if (typeof $ref !== 'string') return node;
    const target = at($ref, root);
    if (!isObject(target)) return node;
    // What stands beside a reference, such as a description, says more than what it refers to.
    const { $ref: _, ...beside } = node;
    node = Object.keys(beside).length > 0 ? { ...target, ...beside } : target;
  }
  return node;
}

function at(ref: string, root: unknown): unknown {
  if (!ref.startsWith('#/')) return undefined;
  let node: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    if (typeof node !== 'object' || node === null) return undefined;
    const key = unescapePart(part);
    node = Object.hasOwn(node, key) ? (node as Plain)[key] : undefined;
  }
  return node;
}

function unescapePart(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

/** The last part of a reference, which is what people call it. */
export function nameOfRef(ref: unknown): string | undefined {
  return typeof ref === 'string' ? unescapePart(ref.slice(ref.lastIndexOf('/') + 1)) : undefined;
}
