import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import { isSafePattern, longestTried } from './patterns';
import { asJson, emptyItems, type Path, valueAt } from './values';
import { describeProblem, needed } from './words';

/** One error of a value. */
export interface Problem {
  path: Path;
  keyword: string;
  message: string;
}

/**
 * Whether data matches a schema (draft 7). The schema is interpreted and not compiled, so that the content
 * security policy can forbid eval. `root` has the definitions that the schema refers to. Nothing matches a
 * schema that cannot be interpreted, such as one with an invalid pattern. Unsafe patterns are left to the
 * server.
 */
export function fits(schema: RJSFSchema | boolean, data: unknown, root: RJSFSchema): boolean {
  if (typeof schema === 'boolean') return schema;
  try {
    return interpret(schema, root, true, holdsLongText(data)).validate(asJson(data)).valid;
  } catch {
    return false;
  }
}

/**
 * The errors of the data, in the words of its fields. `hints` are the form's hints, whose help texts are
 * used.
 */
export function problemsOf(schema: RJSFSchema, data: unknown, hints: UiSchema = {}): Problem[] {
  const value = asJson(data);
  const units = interpret(schema, schema, false, holdsLongText(data)).validate(value).errors;
  const empty = emptyItems(data).map((path) => ({ path, keyword: 'required', message: needed }));
  const isEmpty = new Set(empty.map(({ path }) => path.join('/')));
  const problems = nearestBranches(units)
    .filter((unit) => !wrappers.has(unit.keyword))
    .map((unit) => problemOf(unit, schema, value, hints))
    .filter(({ path }) => !isEmpty.has(path.join('/')));
  return withoutRepeats([...problems, ...empty]);
}

interface Interpreted {
  root: RJSFSchema;
  quick: boolean;
  bare: boolean;
  validator: Validator;
}

const cache = new WeakMap<RJSFSchema, Interpreted>();

/** `bare` leaves out all patterns instead of only unsafe ones. */
function interpret(schema: RJSFSchema, root: RJSFSchema, quick: boolean, bare: boolean): Validator {
  const cached = cache.get(schema);
  if (cached && cached.root === root && cached.quick === quick && cached.bare === bare) return cached.validator;
  const { definitions, $defs } = root;
  // A copy, because the interpreter adds its own keys to the schema.
  const copy = structuredClone({ ...(definitions && { definitions }), ...($defs && { $defs }), ...schema });
  delete copy.$schema;
  dropPatterns(copy, bare ? () => false : isSafePattern);
  const validator = new Validator(copy as Schema, '7', quick);
  cache.set(schema, { root, quick, bare, validator });
  return validator;
}

function holdsLongText(data: unknown): boolean {
  if (typeof data === 'string') return data.length > longestTried;
  if (typeof data !== 'object' || data === null) return false;
  return Object.entries(data).some(([name, value]) => name.length > longestTried || holdsLongText(value));
}

/** Keywords whose values are schemas by name. */
const maps = ['properties', 'patternProperties', 'definitions', '$defs', 'dependencies', 'dependentSchemas'];
/** Keywords whose value is a schema or a list of schemas. */
const nested = ['items', 'additionalItems', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then'];
const alternatives = ['else', 'allOf', 'anyOf', 'oneOf'];

/** Removes unsafe patterns from a schema, in place. */
function dropPatterns(schema: unknown, keep: (pattern: string) => boolean): void {
  if (Array.isArray(schema)) {
    for (const each of schema) dropPatterns(each, keep);
    return;
  }
  if (typeof schema !== 'object' || schema === null) return;
  const node = schema as Record<string, unknown>;
  if (typeof node.pattern === 'string' && isPattern(node.pattern) && !keep(node.pattern)) delete node.pattern;
  for (const pattern of Object.keys(node.patternProperties ?? {})) {
    if (!isPattern(pattern) || keep(pattern)) continue;
    delete (node.patternProperties as Record<string, unknown>)[pattern];
    // Otherwise, properties that match the pattern would be refused.
    delete node.additionalProperties;
  }
  for (const keyword of maps) for (const each of Object.values(node[keyword] ?? {})) dropPatterns(each, keep);
  for (const keyword of [...nested, ...alternatives]) dropPatterns(node[keyword], keep);
}

/** An invalid pattern stays, so that the form shows its error. */
function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/** Keywords whose errors only repeat errors below them. */
const wrappers: ReadonlySet<string> = new Set([
  '$ref',
  'allOf',
  'anyOf',
  'dependencies',
  'dependentSchemas',
  'if',
  'items',
  'oneOf',
  'patternProperties',
  'properties',
]);

const branchPattern = /^(.*?\/(?:anyOf|oneOf))\/(\d+)(?=\/|$)/;

/**
 * When all alternatives fail, keeps the errors of the closest one, because those of the others would only
 * confuse.
 */
function nearestBranches(units: readonly OutputUnit[]): OutputUnit[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { keywordLocation } of units) {
    const [, group, branch] = branchPattern.exec(keywordLocation) ?? [];
    if (group === undefined || branch === undefined) continue;
    const branches = counts.get(group) ?? new Map<string, number>();
    counts.set(group, branches.set(branch, (branches.get(branch) ?? 0) + 1));
  }
  const nearest = new Map(
    [...counts].map(([group, branches]) => [group, [...branches].sort((a, b) => a[1] - b[1])[0]?.[0]]),
  );
  return units.filter(({ keywordLocation }) => {
    const [, group, branch] = branchPattern.exec(keywordLocation) ?? [];
    return group === undefined || nearest.get(group) === branch;
  });
}

const requiredName = /required property "(.*)"\.$/s;

function problemOf(unit: OutputUnit, root: RJSFSchema, data: unknown, hints: UiSchema): Problem {
  const parent = readPointer(unit.instanceLocation);
  const missing = unit.keyword === 'required' ? requiredName.exec(unit.error)?.[1] : undefined;
  const path = missing === undefined ? parent : [...parent, missing];
  const keywordPath = readPointer(unit.keywordLocation);
  const schema = lookUp(root, keywordPath.slice(0, -1));
  const owner = lookUp(root, keywordPath.slice(0, -3));
  const message = describeProblem({
    unit,
    missing,
    schema,
    owner,
    value: valueAt(data, parent),
    help: hintAt(hints, parent)?.['ui:help'],
  });
  return { path, keyword: unit.keyword, message };
}

function readPointer(pointer: string): (string | number)[] {
  return pointer
    .replace(/^#?\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function lookUp(schema: unknown, path: (string | number)[]): Record<string, unknown> | undefined {
  let node: unknown = schema;
  for (const part of path)
    node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[part] : undefined;
  return typeof node === 'object' && node !== null ? (node as Record<string, unknown>) : undefined;
}

/** The hints of the form for the value at a path. */
function hintAt(hints: UiSchema, path: Path): UiSchema | undefined {
  let node: UiSchema | undefined = hints;
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.[part];
  return node;
}

function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path.join('/')} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
