import { type ErrorSchema, getDefaultFormState, type RJSFSchema, retrieveSchema, type UiSchema } from '@rjsf/utils';
import type { Entity, Integration, JsonObject, ParameterSchema } from '@/api/types';
import { holds } from '@/template/conditions';
import { isObject } from '@/template/is-object';
import { entityNameProblem, tagsProblem } from './field-rules';
import { flagKey, withFlags } from './flags';
import { repoUrlProblem } from './form/pickers/repo-url';
import { splitSchema } from './form/split-schema';
import { type Problem, problemsOf } from './form/validate';
import { validator } from './form/validator';
import { type Path, valueAt } from './form/values';

/** One page of the wizard. */
export interface Page {
  title: string;
  description: string | undefined;
  schema: RJSFSchema;
  uiSchema: UiSchema;
  /** The page in the template, with the hints for the review. */
  written: JsonObject;
  /** The condition on earlier values under which the page is shown; undefined for one that always is. */
  when: unknown;
  /** The page for declared secrets, whose values are not parameters. */
  secretsOnly: boolean;
}

/**
 * The pages of a template, and one for the secrets that it declares without a field. What is behind a feature
 * flag is left out unless the flag is on. Custom are the names of the fields that the installation adds.
 */
export function pagesOf(
  parameters: ParameterSchema,
  template: Entity | undefined,
  flags: ReadonlySet<string> = new Set(),
  custom: readonly string[] = [],
): Page[] {
  const pages = parameters.steps
    .map((step) => ({ ...step, schema: withFlags(step.schema, flags) }))
    .filter((step) => !(flagKey in step.schema))
    .map(({ title, description, schema }) => pageOf(title, description, schema, custom));
  const secrets = undeclaredSecrets(pages, template);
  return secrets ? [...pages, { ...pageOf('Secrets', undefined, secrets, custom), secretsOnly: true }] : pages;
}

function pageOf(title: string, description: string | undefined, written: JsonObject, custom: readonly string[]): Page {
  const { title: _, description: __, when, ...body } = written;
  return { title, description, written, when, secretsOnly: false, ...splitSchema(body, custom) };
}

/**
 * The pages that these values lead to: those whose condition holds, without those of which their own
 * conditions have left no field. A condition that only the server can evaluate hides nothing.
 */
export function shownPages(pages: readonly Page[], values: JsonObject): Page[] {
  return pages.filter((page) => {
    if (page.when !== undefined && holds(page.when, values) === false) return false;
    return !isConditional(page) || hasFields(page, values);
  });
}

/** The values without those for which only pages ask that are not shown. */
export function shownValues(all: readonly Page[], shown: readonly Page[], values: JsonObject): JsonObject {
  const asked = new Set(shown.flatMap(({ written }) => namesOn(written)));
  const hidden = new Set(all.filter((page) => !shown.includes(page)).flatMap(({ written }) => namesOn(written)));
  return Object.fromEntries(Object.entries(values).filter(([name]) => asked.has(name) || !hidden.has(name)));
}

/** The names of the values of a page, under any condition. */
function namesOn(written: JsonObject): string[] {
  const own = isObject(written.properties) ? Object.keys(written.properties) : [];
  return [...own, ...branchesOf(written).flatMap(namesOn)];
}

/** Keywords that add fields depending on values. */
const conditional = ['if', 'allOf', 'anyOf', 'oneOf', 'dependencies', 'dependentSchemas'];

function isConditional({ schema }: Page): boolean {
  return Object.keys(schema.properties ?? {}).length === 0 && conditional.some((keyword) => keyword in schema);
}

function hasFields(page: Page, values: JsonObject): boolean {
  try {
    return Object.keys(resolve(page, values).properties ?? {}).length > 0;
  } catch {
    return true; // The page shows the error of its schema.
  }
}

function undeclaredSecrets(pages: readonly Page[], template: Entity | undefined): JsonObject | undefined {
  const declared = template?.spec?.secrets;
  const schema = isObject(declared) && isObject(declared.schema) ? declared.schema : undefined;
  if (!schema || !isObject(schema.properties)) return undefined;
  const asked = new Set([...secretNames(pages), ...pages.flatMap(({ written }) => credentialNames(written))]);
  const missing = Object.entries(schema.properties).filter(([name]) => !asked.has(name));
  if (missing.length === 0) return undefined;
  const properties = Object.fromEntries(
    missing.map(([name, property]) => [name, { ...(isObject(property) && property), 'ui:field': 'Secret' }]),
  );
  const required = Array.isArray(schema.required) ? schema.required.filter((name) => name in properties) : [];
  return { type: 'object', required, properties };
}

/** The names of the secrets that pickers fill with credentials of the person, at any depth. */
function credentialNames(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(credentialNames);
  if (!isObject(node)) return [];
  const key = isObject(node.requestUserCredentials) ? node.requestUserCredentials.secretsKey : undefined;
  return [...(typeof key === 'string' ? [key] : []), ...Object.values(node).flatMap(credentialNames)];
}

/** The names of the secrets in the pages, at any depth. */
function secretNames(pages: readonly Page[]): Set<string> {
  return namesOf(pages, isSecret);
}

/** The names of values that must be neither stored nor shown: secrets and passwords, at any depth. */
export function hiddenNames(pages: readonly Page[]): Set<string> {
  return namesOf(pages, isHidden);
}

function isSecret(node: JsonObject): boolean {
  return hintOf(node, 'field') === 'Secret';
}

/** Whether the form shows dots for the value; a template has three ways to request that. */
function isHidden(node: JsonObject): boolean {
  return isSecret(node) || hintOf(node, 'widget') === 'password' || node.format === 'password';
}

/** A hint of the form, as a key or among the options. */
function hintOf(node: JsonObject, name: string): unknown {
  const options = node['ui:options'];
  return node[`ui:${name}`] ?? (isObject(options) ? options[name] : undefined);
}

/** The names of the properties that match, themselves or by their items. */
function namesOf(pages: readonly Page[], wanted: (node: JsonObject) => boolean): Set<string> {
  const names = new Set<string>();
  for (const { written } of pages) {
    const walked = new Set<JsonObject>();
    const walk = (nodes: Set<JsonObject>) => {
      for (const node of nodes) {
        if (walked.has(node)) continue;
        walked.add(node);
        for (const [name, property] of Object.entries(isObject(node.properties) ? node.properties : {})) {
          if (!isObject(property) || flagKey in property) continue;
          const inner = namelessNodes(property, written);
          if ([...inner].some(wanted)) names.add(name);
          walk(inner);
        }
      }
    };
    walk(namelessNodes(written, written));
  }
  return names;
}

/** A node and its parts without their own name: its items, its alternatives and its references. */
function namelessNodes(node: JsonObject, root: JsonObject, found = new Set<JsonObject>()): Set<JsonObject> {
  if (found.has(node)) return found;
  found.add(node);
  const { items, prefixItems, additionalItems, additionalProperties, patternProperties, $ref } = node;
  const byPattern = isObject(patternProperties) ? Object.values(patternProperties) : [];
  const inner = [items, prefixItems, additionalItems, additionalProperties, byPattern, referredTo($ref, root)].flat();
  for (const child of [...branchesOf(node), node.if, ...inner]) {
    if (isObject(child)) namelessNodes(child, root, found);
  }
  return found;
}

/** The target of a reference within a page, `#/definitions/token`. */
function referredTo(reference: unknown, root: JsonObject): unknown {
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined;
  return valueAt(root, reference.slice(2).split('/'));
}

/** The page's schema for these values: conditions and dependencies are resolved. */
export function resolve(page: Page, values: JsonObject): RJSFSchema {
  return retrieveSchema(validator, page.schema, page.schema, values);
}

/** The values with every page's defaults filled in. */
export function withDefaults(pages: readonly Page[], values: JsonObject): JsonObject {
  let filled = values;
  for (const page of pages) filled = { ...filled, ...getDefaultFormState(validator, page.schema, filled, page.schema) };
  return filled;
}

/** The rules of the portal's fields in addition to the schema. */
const fieldRules: Record<string, (value: unknown, hosts: readonly Integration[]) => string | undefined> = {
  EntityNamePicker: entityNameProblem,
  EntityTagsPicker: tagsProblem,
  RepoUrlPicker: repoUrlProblem,
};

/**
 * The errors of a page: by its schema and, where that has none, by the rules of its fields. A schema that
 * cannot be interpreted is an error too. A repository has the parts that its host needs.
 */
export function problemsOn(page: Page, values: JsonObject, hosts: readonly Integration[] = []): Problem[] {
  try {
    const problems = problemsOf(resolve(page, values), values, page.uiSchema);
    const reported = new Set(problems.map(({ path }) => fieldId(path)));
    const others = fieldProblems(page.uiSchema, values, [], hosts).filter(({ path }) => !reported.has(fieldId(path)));
    return [...problems, ...others];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ path: [], keyword: 'schema', message: `The template’s schema cannot be used: ${reason}` }];
  }
}

function fieldProblems(hints: UiSchema, value: unknown, path: Path, hosts: readonly Integration[]): Problem[] {
  const rule = fieldRules[String(hints['ui:field'])];
  const message = rule?.(value, hosts);
  if (message !== undefined) return [{ path, keyword: 'field', message }];
  if (!isObject(value)) return [];
  return Object.entries(hints)
    .filter(([name, child]) => !name.startsWith('ui:') && isObject(child))
    .flatMap(([name, child]) => fieldProblems(child as UiSchema, value[name], [...path, name], hosts));
}

/** The id of the open page of the form, or of the review. */
export const pageId = 'page';

/** RJSF's id of the field at a path. */
export function fieldId(path: Path): string {
  return ['root', ...path].join('_');
}

/** The titles of the fields with errors, by their ids, in the order of the page. */
export function titlesOf(page: Page, problems: readonly Problem[]): Map<string, string> {
  const order = page.uiSchema['ui:order'] ?? Object.keys(page.schema.properties ?? {});
  const place = ({ path }: Problem) => {
    const found = order.indexOf(String(path[0]));
    return found < 0 ? order.length : found;
  };
  return new Map(
    problems
      .filter(({ path }) => path.length > 0)
      .sort((a, b) => place(a) - place(b))
      .map(({ path }) => [fieldId(path), titleOf(page, path)]),
  );
}

/** The title of the field at a path, else its name; items of a list are numbered. */
function titleOf(page: Page, path: Path): string {
  let hints: UiSchema | undefined = page.uiSchema;
  let written: JsonObject = page.written;
  let title = page.title;
  for (const part of path) {
    if (typeof part === 'number') {
      hints = hints?.items as UiSchema | undefined;
      written = isObject(written.items) ? written.items : {};
      title = `${title} ${part + 1}`;
      continue;
    }
    hints = hints?.[part];
    written = writtenProperty(written, part);
    title = String(hints?.['ui:title'] ?? written.title ?? part);
  }
  return title;
}

/**
 * Finds a property in the page's schema: directly, or in any alternative, dependency or condition around it.
 */
export function writtenProperty(written: JsonObject, name: string): JsonObject {
  const { properties } = written;
  if (isObject(properties) && isObject(properties[name])) return properties[name];
  for (const branch of branchesOf(written)) {
    const found = writtenProperty(branch, name);
    if (Object.keys(found).length > 0) return found;
  }
  return {};
}

function branchesOf(written: JsonObject): JsonObject[] {
  const { allOf, anyOf, oneOf, then, else: otherwise, dependencies } = written;
  const lists = [allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  const dependents = isObject(dependencies) ? Object.values(dependencies) : [];
  return [...lists, ...dependents, then, otherwise].filter(isObject);
}

/** Errors in RJSF's format, for the fields in `shown`. */
export function errorSchemaOf(problems: readonly Problem[], shown: (id: string) => boolean): ErrorSchema {
  const root: ErrorSchema = {};
  for (const { path, message } of problems) {
    if (!shown(fieldId(path))) continue;
    let node = root as Record<string, unknown>;
    for (const part of path) {
      node[part] ??= {};
      node = node[part] as Record<string, unknown>;
    }
    node.__errors = [...((node.__errors as string[] | undefined) ?? []), message];
  }
  return root;
}
