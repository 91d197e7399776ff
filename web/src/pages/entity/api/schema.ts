import { asList, asObject, asText, isObject, nameOfRef, type Plain, resolve, some } from './plain';

/** One value in a schema. */
export interface Field {
  name: string;
  type: string;
  required: boolean;
  deprecated: boolean;
  description?: string;
  /** The only possible values. */
  choices: string[];
  preset?: string;
  /** Further rules, a few words each. */
  rules: string[];
  /** The schema of the values in it, if there are any. */
  inner?: unknown;
}

/** The name of values whose names are free. */
const anyName = '(any name)';

/** Replaces the type in words, where the language of the definition writes types: `[Parcel!]!`. */
export const writtenType = 'x-portico-type';
/** Rules in words of the language of the definition. */
export const writtenRules = 'x-portico-rules';

const mostChoices = 40;

/**
 * The values right in a schema. Those in them are read when somebody opens them: all at once would be endless where a
 * schema contains itself, and millions where big ones contain each other.
 */
export function fieldsOf(schema: unknown, root: unknown): Field[] {
  return withoutRepeats(fieldsIn(schema, root, new Set()));
}

/** The schemas that were looked into for one answer. Each is looked into once, however they contain each other. */
type Seen = Set<unknown>;

function isNew(schema: unknown, seen: Seen): boolean {
  const identity = identityOf(schema);
  if (seen.has(identity)) return false;
  seen.add(identity);
  return true;
}

/** A reference that stands alone is the same as any other to the same place. */
function identityOf(schema: unknown): unknown {
  const object = asObject(schema);
  return typeof object.$ref === 'string' && Object.keys(object).length === 1 ? object.$ref : schema;
}

function fieldsIn(schema: unknown, root: unknown, seen: Seen): Field[] {
  if (!isNew(schema, seen)) return [];
  const node = resolve(schema, root);
  const required = new Set(asList(node.required));
  const named = Object.entries(asObject(node.properties)).map(([name, value]) =>
    fieldOf(name, value, root, required.has(name)),
  );
  const free = freeFields(node, root);
  const parts = asList(node.allOf).flatMap((part) => fieldsIn(part, root, seen));
  const items = isObject(node.items) ? fieldsIn(node.items, root, seen) : [];
  return [...named, ...parts, ...free, ...alternativesOf(node, root), ...items];
}

function freeFields(node: Plain, root: unknown): Field[] {
  const patterns = Object.entries(asObject(node.patternProperties)).map(([pattern, value]) =>
    fieldOf(`(matches ${pattern})`, value, root, false),
  );
  const { additionalProperties: others } = node;
  const hasOthers = isObject(others) && Object.keys(others).length > 0;
  return hasOthers ? [...patterns, fieldOf(anyName, others, root, false)] : patterns;
}

/** Alternatives with values in them. Those without are in the type: `string or integer`. */
function alternativesOf(node: Plain, root: unknown): Field[] {
  const alternatives = [...asList(node.oneOf), ...asList(node.anyOf)];
  return alternatives.flatMap((alternative, index): Field[] => {
    if (!hasFields(alternative, root)) return [];
    const { $ref, title } = asObject(alternative);
    const name = nameOfRef($ref) ?? asText(title) ?? asText(resolve(alternative, root).title) ?? String(index + 1);
    return [{ ...fieldOf(name, alternative, root, false), type: `alternative of ${alternatives.length}` }];
  });
}

export function fieldOf(name: string, schema: unknown, root: unknown, required: boolean): Field {
  const node = resolve(schema, root);
  return {
    name,
    type: typeOf(schema, root),
    required,
    deprecated: node.deprecated === true,
    ...some('description', asText(node.description) ?? asText(node.title)),
    choices: choicesOf(node, root),
    ...some('preset', node.default === undefined ? undefined : words(node.default)),
    rules: rulesOf(node),
    ...(hasFields(schema, root) && { inner: schema }),
  };
}

/** What hasFields has found, by the document. */
const known = new WeakMap<object, Map<unknown, boolean>>();

/** Whether there are values in a value. It is asked of every one, so what is found once is kept. */
function hasFields(schema: unknown, root: unknown): boolean {
  const answers = answersOf(root);
  const identity = identityOf(schema);
  const before = answers.get(identity);
  if (before !== undefined) return before;
  const seen: Seen = new Set();
  const found = findFields(schema, root, seen);
  // Without any, there are none in all that was looked into either.
  if (found) answers.set(identity, true);
  else for (const each of seen) answers.set(each, false);
  return found;
}

function answersOf(root: unknown): Map<unknown, boolean> {
  const document = asObject(root);
  const answers = known.get(document) ?? new Map<unknown, boolean>();
  known.set(document, answers);
  return answers;
}

function findFields(schema: unknown, root: unknown, seen: Seen): boolean {
  if (!isNew(schema, seen)) return false;
  const node = resolve(schema, root);
  const { properties, patternProperties, additionalProperties, items } = node;
  if ([properties, patternProperties, additionalProperties].some((part) => Object.keys(asObject(part)).length > 0)) {
    return true;
  }
  const parts = [...asList(node.allOf), ...asList(node.oneOf), ...asList(node.anyOf)];
  return [...(isObject(items) ? [items] : []), ...parts].some((part) => findFields(part, root, seen));
}

/** A type in words: `string`, `list of Parcel`, `string or integer`. */
export function typeOf(schema: unknown, root: unknown, seen: Seen = new Set()): string {
  if (schema === false) return 'nothing';
  const node = resolve(schema, root);
  const written = asText(node[writtenType]);
  if (written) return written;
  const name = nameOfRef(asObject(schema).$ref);
  const { type, items, format } = node;
  if (!isNew(schema, seen)) return name ?? 'any';
  const nullable = node.nullable === true ? ' or null' : '';
  if (type === 'array' || (type === undefined && isObject(items))) {
    return (isObject(items) ? `list of ${typeOf(items, root, seen)}` : 'list') + nullable;
  }
  if (name && hasFields(schema, root)) return name + nullable;
  if (Array.isArray(type)) return type.map(String).join(' or ');
  if (typeof type === 'string') return (asText(format) ? `${type} (${asText(format)})` : type) + nullable;
  const alternatives = [...asList(node.oneOf), ...asList(node.anyOf), ...asList(node.allOf)];
  const types = [...new Set(alternatives.map((each) => typeOf(each, root, seen)))].filter((each) => each !== 'any');
  if (types.length > 0)
    return types.slice(0, 6).join(node.allOf ? ' and ' : ' or ') + (types.length > 6 ? ' or more' : '');
  if (hasFields(schema, root)) return 'object';
  const [choice] = [...asList(node.enum), ...(node.const === undefined ? [] : [node.const])];
  return name ?? (choice === undefined ? 'any' : typeof choice);
}

function choicesOf(node: Plain, root: unknown): string[] {
  const own = [...asList(node.enum), ...(node.const === undefined ? [] : [node.const])];
  const inItems = own.length === 0 && isObject(node.items) ? asList(resolve(node.items, root).enum) : [];
  const all = [...new Set([...own, ...inItems].map(words))];
  return all.length > mostChoices ? [...all.slice(0, mostChoices), `… ${all.length - mostChoices} more`] : all;
}

const limits: [keyword: string, words: (limit: unknown) => string][] = [
  ['minLength', (limit) => `at least ${limit} ${limit === 1 ? 'character' : 'characters'}`],
  ['maxLength', (limit) => `at most ${limit} characters`],
  ['minimum', (limit) => `${limit} or more`],
  ['maximum', (limit) => `${limit} or less`],
  ['minItems', (limit) => `at least ${limit} ${limit === 1 ? 'item' : 'items'}`],
  ['maxItems', (limit) => `at most ${limit} items`],
  ['pattern', (limit) => `matches ${limit}`],
];

function rulesOf(node: Plain): string[] {
  const own = limits
    .filter(([keyword]) => asText(node[keyword]) !== undefined)
    .map(([keyword, say]) => say(node[keyword]));
  const access = [node.readOnly === true && 'read only', node.writeOnly === true && 'write only'].filter(
    (rule) => rule !== false,
  );
  return [...asList(node[writtenRules]).map(String), ...own, ...access];
}

/** A value that is described several times has one row. */
function withoutRepeats(fields: readonly Field[]): Field[] {
  const seen = new Set<string>();
  return fields.filter(({ name }) => !seen.has(name) && seen.add(name));
}

const longestValue = 200;

/** A value as JSON, a text without its quotes. */
function words(value: unknown): string {
  const text = typeof value === 'string' ? value || '""' : (JSON.stringify(value) ?? '');
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}
