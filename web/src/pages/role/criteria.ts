import type { JsonObject, PluginRules } from '@/api/types';

/**
 * The criteria of a condition as the editor has them. The key identifies a node while others are added and
 * removed around it.
 */
export type Node = Group | Not | Rule;

export interface Group {
  key: number;
  form: 'anyOf' | 'allOf';
  of: Node[];
}

export interface Not {
  key: number;
  form: 'not';
  of: Node;
}

export interface Rule {
  key: number;
  form: 'rule';
  rule: string;
  params: JsonObject;
  /** The params as they were read. One that was empty then is meant to be. */
  read: JsonObject;
}

export type Form = Node['form'];

/** Stored criteria that the form cannot show. They stay as they are until somebody writes others. */
export interface Unread {
  key: number;
  form: 'unread';
  value: unknown;
  why: string;
}

export type Criteria = Node | Unread;

/** What somebody has made of criteria: others, or a text that is none. */
export type Edited = { criteria: Node } | { unreadable: string };

/** A rule as the server describes it. */
export type KnownRule = PluginRules['rules'][number];

/** The server's bounds. The configuration can have others; then the server's message is shown. */
const mostLevels = 12;
const mostNodes = 256;
const mostItems = 64;

let keys = 0;

export function newRule(rule = '', params: JsonObject = {}): Rule {
  return { key: ++keys, form: 'rule', rule, params, read: {} };
}

function newGroup(form: Group['form'], of: Node[]): Group {
  return { key: ++keys, form, of };
}

/** Reads criteria that the server has stored, whatever they are. */
export function storedCriteria(value: unknown): Criteria {
  try {
    return readCriteria(value);
  } catch (error) {
    return { key: ++keys, form: 'unread', value, why: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads criteria as the API has them. Throws an Error that names the place of what is none. */
export function readCriteria(value: unknown, at = 'conditions', level = 1): Node {
  if (level > mostLevels) throw new Error(`${at}: there are more than ${mostLevels} levels`);
  if (!isObject(value)) throw new Error(`${at} must be an object with anyOf, allOf, not or rule`);
  const forms = ['anyOf', 'allOf', 'not', 'rule'].filter((form) => form in value);
  if (forms.length !== 1) {
    throw new Error(`${at} must have exactly one of anyOf, allOf, not and rule, and has ${forms.join(', ') || 'none'}`);
  }
  if ('not' in value) {
    refuseOthers(value, ['not'], at);
    return { key: ++keys, form: 'not', of: readCriteria(value.not, `${at}.not`, level + 1) };
  }
  if ('rule' in value) return readRule(value, at);
  const form = 'anyOf' in value ? 'anyOf' : 'allOf';
  refuseOthers(value, [form], at);
  const list = value[form];
  if (!Array.isArray(list) || list.length === 0) throw new Error(`${at}.${form} must be a list that is not empty`);
  return newGroup(
    form,
    list.map((each, index) => readCriteria(each, `${at}.${form}[${index}]`, level + 1)),
  );
}

function readRule(value: JsonObject, at: string): Rule {
  refuseOthers(value, ['rule', 'resourceType', 'params'], at);
  const { rule, params = {} } = value;
  if (typeof rule !== 'string') throw new Error(`${at}.rule must be a name`);
  if (!isObject(params)) throw new Error(`${at}.params must be an object`);
  return { key: ++keys, form: 'rule', rule, params, read: params };
}

/** A misspelt member would be lost without a word. */
function refuseOthers(value: JsonObject, known: readonly string[], at: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown) throw new Error(`${at} has an unknown member ${unknown}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The criteria as the API has them. */
export function writeCriteria(node: Criteria, resourceType: string): unknown {
  switch (node.form) {
    case 'unread':
      return node.value;
    case 'rule':
      return { rule: node.rule, resourceType, params: node.params };
    case 'not':
      return { not: writeCriteria(node.of, resourceType) };
    default:
      return { [node.form]: node.of.map((each) => writeCriteria(each, resourceType)) };
  }
}

/** Another form of a node with as much of its contents as fits. */
export function reshape(node: Node, form: Form): Node {
  if (node.form === form) return node;
  const { key } = node;
  if (form === 'rule') return firstRule(node);
  if (form === 'not') return { key, form, of: only(node) };
  if (node.form === 'rule') return { key, form, of: [{ ...node, key: ++keys }] };
  if (node.form === 'not') return { key, form, of: [node.of] };
  return { ...node, form };
}

/** A node for the inside of another: the single element of a group, else the node under another key. */
function only(node: Node): Node {
  const single = (node.form === 'anyOf' || node.form === 'allOf') && node.of.length === 1 ? node.of[0] : undefined;
  return single ?? { ...node, key: ++keys };
}

function firstRule(node: Node): Rule {
  if (node.form === 'rule') return node;
  const [first] = node.form === 'not' ? [node.of] : node.of;
  return first ? firstRule(first) : newRule();
}

/** What is wrong with criteria, by the key of the node. The rules are undefined until they are loaded. */
export function problemsOf(node: Criteria, rules: readonly KnownRule[] | undefined): Map<number, string> {
  if (node.form === 'unread') return new Map([[node.key, node.why]]);
  const problems = new Map<number, string>();
  let nodes = 0;
  const visit = (each: Node, level: number) => {
    nodes++;
    const problem = problemOf(each, level, rules);
    if (problem) problems.set(each.key, problem);
    if (each.form === 'not') visit(each.of, level + 1);
    else if (each.form !== 'rule') for (const inner of each.of) visit(inner, level + 1);
  };
  visit(node, 1);
  if (nodes > mostNodes) problems.set(node.key, `There are more than ${mostNodes} criteria.`);
  return problems;
}

function problemOf(node: Node, level: number, rules: readonly KnownRule[] | undefined): string | undefined {
  if (level > mostLevels) return `There are more than ${mostLevels} levels.`;
  if (node.form === 'not') return undefined;
  if (node.form === 'rule') return problemOfRule(node, rules);
  if (node.of.length === 0) return 'Add at least one criterion.';
  return node.of.length > mostItems ? `There are more than ${mostItems} criteria side by side.` : undefined;
}

function problemOfRule(node: Rule, rules: readonly KnownRule[] | undefined): string | undefined {
  const { rule, params } = node;
  if (rule === '') return 'Choose a rule.';
  if (!rules) return `${rule} cannot be checked, because the rules are not loaded.`;
  const known = rules.find(({ name }) => name === rule);
  if (!known) return `These resources have no rule ${rule}.`;
  const properties = propertiesOf(known);
  const unknown = Object.keys(params).find((name) => !(name in properties));
  if (unknown) return `${rule} has no param ${unknown}.`;
  for (const [name, property] of Object.entries(properties)) {
    const problem = problemOfParam(name, property, isRequired(known, name), node);
    if (problem) return problem;
  }
  return undefined;
}

function problemOfParam(name: string, { type }: Property, required: boolean, { params, read }: Rule) {
  const value = params[name];
  if (required && (value === undefined || isEmpty(value))) return `${name} is missing.`;
  if (value === undefined) return undefined;
  if (isEmpty(value) && !isEmpty(read[name])) return `${name} is empty: fill it in, or leave it out.`;
  return hasType(value, type) ? undefined : `${name} must be ${typeWords[type] ?? type}.`;
}

/** Whether a param is there without a value. Left out, it would not restrict anything. */
export function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0);
}

export interface Property {
  type: string;
  description?: string;
}

/** The params of a rule, from its JSON schema. */
export function propertiesOf(rule: KnownRule): Record<string, Property> {
  return (rule.paramsSchema?.properties ?? {}) as Record<string, Property>;
}

export function isRequired(rule: KnownRule, name: string): boolean {
  const required = rule.paramsSchema?.required;
  return Array.isArray(required) && required.includes(name);
}

const typeWords: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list of texts',
};

function hasType(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typeof value === type;
}

/** The criteria in words: `IS_ENTITY_OWNER claims $ownerRefs, and not HAS_LABEL label protected`. */
export function inWords(node: Criteria): string {
  switch (node.form) {
    case 'unread':
      return JSON.stringify(node.value);
    case 'rule': {
      const params = Object.entries(node.params).map(([name, value]) => `${name} ${valueInWords(value)}`);
      return [node.rule || '…', ...params].join(' ');
    }
    case 'not':
      return `not ${bracketed(node.of)}`;
    default:
      return node.of.map(bracketed).join(node.form === 'anyOf' ? ', or ' : ', and ');
  }
}

function bracketed(node: Node): string {
  const words = inWords(node);
  return node.form === 'rule' || node.form === 'not' || node.of.length < 2 ? words : `(${words})`;
}

function valueInWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueInWords).join(' or ') || 'none';
  return value === '' ? '“”' : String(value);
}
