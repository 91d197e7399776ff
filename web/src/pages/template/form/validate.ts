import { type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import type { RJSFSchema } from '@rjsf/utils';
import { describeProblem } from './words';

/** One thing wrong with a value. */
export interface Problem {
  /** Where: property names and indexes from the root. */
  path: (string | number)[];
  keyword: string;
  message: string;
}

/**
 * Whether data fits a schema, interpreting it (draft 7): nothing is compiled, so that the page's policy can forbid
 * eval. `root` holds the definitions that the schema refers to. A schema that cannot be interpreted, such as one with
 * an invalid pattern, fits nothing.
 */
export function fits(schema: RJSFSchema | boolean, data: unknown, root: RJSFSchema): boolean {
  if (typeof schema === 'boolean') return schema;
  try {
    return interpret(schema, root, true).validate(data).valid;
  } catch {
    return false;
  }
}

/** What is wrong with the data, in the words of its fields. */
export function problemsOf(schema: RJSFSchema, data: unknown): Problem[] {
  const units = interpret(schema, schema, false).validate(data).errors;
  const problems = nearestBranches(units)
    .filter((unit) => !wrappers.has(unit.keyword))
    .map((unit) => problemOf(unit, schema));
  return withoutRepeats(problems);
}

const cache = new WeakMap<RJSFSchema, { root: RJSFSchema; quick: boolean; validator: Validator }>();

function interpret(schema: RJSFSchema, root: RJSFSchema, quick: boolean): Validator {
  const cached = cache.get(schema);
  if (cached && cached.root === root && cached.quick === quick) return cached.validator;
  const { definitions, $defs } = root;
  // A copy: the interpreter writes its own keys into the schema it is given.
  const copy = structuredClone({ ...(definitions && { definitions }), ...($defs && { $defs }), ...schema });
  delete copy.$schema;
  const validator = new Validator(copy as Schema, '7', quick);
  cache.set(schema, { root, quick, validator });
  return validator;
}

/** Keywords that only say that something below them is wrong. */
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
 * Of the alternatives that all failed, keeps the complaints of the one that came nearest: those of the others would
 * only confuse.
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

function problemOf(unit: OutputUnit, root: RJSFSchema): Problem {
  const parent = readPointer(unit.instanceLocation);
  const missing = unit.keyword === 'required' ? requiredName.exec(unit.error)?.[1] : undefined;
  const path = missing === undefined ? parent : [...parent, missing];
  const keywordPath = readPointer(unit.keywordLocation);
  const schema = lookUp(root, keywordPath.slice(0, -1));
  const owner = lookUp(root, keywordPath.slice(0, -3));
  return { path, keyword: unit.keyword, message: describeProblem(unit, missing, schema, owner) };
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

function withoutRepeats(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path.join('/')} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
