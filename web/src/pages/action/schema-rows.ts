/** One value in the schema of an action's input or output. */
export interface SchemaRow {
  /** The path from the root: `labels[].name`. */
  path: string;
  name: string;
  /** How many values are around it. */
  depth: number;
  /** The type in words: `list of string`. */
  type: string;
  needed: boolean;
  description: string | undefined;
  /** The only possible values, as JSON without the quotes of texts. */
  choices: string[];
  /** The default, in the same form. */
  preset: string | undefined;
  /** Further rules, a few words each: `at most 100 characters`. */
  rules: string[];
}

type Schema = Record<string, unknown>;

/** A schema that refers to itself would otherwise have endless rows. */
const deepest = 6;

/** The values in a schema, each followed by the values in it; on each level, the required ones come first. */
export function schemaRows(schema: unknown): SchemaRow[] {
  const root = asSchema(schema);
  return rowsIn(root, root, '', 0);
}

/** Whether a schema accepts values that it does not name. */
export function isOpen(schema: unknown): boolean {
  const { properties, additionalProperties } = asSchema(schema);
  return additionalProperties !== false && (additionalProperties !== undefined || properties === undefined);
}

function rowsIn(schema: Schema, root: Schema, at: string, depth: number): SchemaRow[] {
  if (depth > deepest) return [];
  const needed = new Set(textsOf(schema.required));
  const named = Object.entries(asSchema(schema.properties)).map(([name, value]) => ({ name, value }));
  const open = isSchema(schema.additionalProperties) && Object.keys(schema.additionalProperties).length > 0;
  const own = [...named, ...(open ? [{ name: anyName, value: schema.additionalProperties }] : [])]
    .sort((a, b) => Number(needed.has(b.name)) - Number(needed.has(a.name)))
    .flatMap(({ name, value }) => rowsOf(name, resolve(value, root), root, at, depth, needed.has(name)));
  const others = [schema.anyOf, schema.oneOf].flatMap((list) => rowsOfEither(list, root, at, depth));
  const parts = schemasIn(schema.allOf, root).flatMap((part) => rowsIn(part, root, at, depth));
  return withoutRepeats([...own, ...parts, ...others]);
}

/** The values of alternatives, each once. One is required only if it is in all of them. */
function rowsOfEither(list: unknown, root: Schema, at: string, depth: number): SchemaRow[] {
  const alternatives = schemasIn(list, root).map((schema) => rowsIn(schema, root, at, depth));
  const all = alternatives.flat();
  return all.map((row) => {
    const inAll = alternatives.every((rows) => rows.some(({ path, needed }) => path === row.path && needed));
    return { ...row, needed: row.needed && (row.depth > depth || inAll) };
  });
}

/** A value that is described several times has one row. */
function withoutRepeats(rows: readonly SchemaRow[]): SchemaRow[] {
  const seen = new Set<string>();
  return rows.filter(({ path }) => !seen.has(path) && seen.add(path));
}

/** The name of values whose names are the author's. */
export const anyName = '*';

function rowsOf(name: string, schema: Schema, root: Schema, at: string, depth: number, needed: boolean): SchemaRow[] {
  const path = at ? `${at}.${name}` : name;
  const row: SchemaRow = {
    path,
    name,
    depth,
    type: typeOf(schema, root),
    needed,
    description: [schema.description, schema.title].find((text) => typeof text === 'string'),
    choices: choicesOf(schema, root),
    preset: schema.default === undefined ? undefined : plain(schema.default),
    rules: rulesOf(schema),
  };
  return [row, ...inside(schema, root, path, depth)];
}

/** The values in a value: those of an object, or of each item of a list. */
function inside(schema: Schema, root: Schema, path: string, depth: number): SchemaRow[] {
  const items = isSchema(schema.items) ? resolve(schema.items, root) : undefined;
  const inItems = items ? inside(items, root, `${path}[]`, depth) : [];
  return [...rowsIn(schema, root, path, depth + 1), ...inItems];
}

/** The alternatives and parts of a schema that describe the same value. */
function branchesOf({ allOf, anyOf, oneOf }: Schema, root: Schema): Schema[] {
  return [allOf, anyOf, oneOf].flatMap((list) => schemasIn(list, root));
}

function schemasIn(list: unknown, root: Schema): Schema[] {
  return Array.isArray(list) ? list.filter(isSchema).map((schema) => resolve(schema, root)) : [];
}

/** A type in words: `string`, `list of string`, `string or object`. */
function typeOf(schema: Schema, root: Schema): string {
  const { type, items } = schema;
  if (type === 'array') return isSchema(items) ? `list of ${typeOf(resolve(items, root), root)}` : 'list';
  if (Array.isArray(type)) return type.join(' or ');
  if (typeof type === 'string') return type;
  const branches = [...new Set(branchesOf(schema, root).map((branch) => typeOf(branch, root)))];
  if (branches.length > 0) return branches.filter((each) => each !== 'any').join(' or ') || 'any';
  if (schema.properties) return 'object';
  const [choice] = [schema.enum, [schema.const]].flatMap((list) => (Array.isArray(list) ? list : []));
  return choice === undefined ? 'any' : typeof choice;
}

function choicesOf(schema: Schema, root: Schema): string[] {
  const own = Array.isArray(schema.enum) ? schema.enum : schema.const === undefined ? [] : [schema.const];
  const items = isSchema(schema.items) ? choicesOf(resolve(schema.items, root), root) : [];
  const branches = branchesOf(schema, root).flatMap((branch) => choicesOf(branch, root));
  return [...new Set([...own.map(plain), ...items, ...branches])];
}

const limits: [keyword: string, words: (limit: unknown) => string][] = [
  ['minLength', (limit) => `at least ${limit} ${limit === 1 ? 'character' : 'characters'}`],
  ['maxLength', (limit) => `at most ${limit} characters`],
  ['minimum', (limit) => `${limit} or more`],
  ['maximum', (limit) => `${limit} or less`],
  ['minItems', (limit) => `at least ${limit} ${limit === 1 ? 'item' : 'items'}`],
  ['maxItems', (limit) => `at most ${limit} items`],
  ['pattern', (limit) => `matches ${limit}`],
  ['format', (limit) => `a ${limit}`],
];

function rulesOf(schema: Schema): string[] {
  return limits.filter(([keyword]) => schema[keyword] !== undefined).map(([keyword, words]) => words(schema[keyword]));
}

function resolve(value: unknown, root: Schema): Schema {
  const schema = asSchema(value);
  const { $ref } = schema;
  if (typeof $ref !== 'string' || !$ref.startsWith('#/')) return schema;
  let node: unknown = root;
  for (const part of $ref.slice(2).split('/')) node = asSchema(node)[part];
  return asSchema(node);
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asSchema(value: unknown): Schema {
  return isSchema(value) ? value : {};
}
