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
}

export type Form = Node['form'];

/** A rule as the server describes it. */
export type KnownRule = PluginRules['rules'][number];

/** The server's bounds. The configuration can have others; then the server's message is shown. */
const mostLevels = 12;
const mostNodes = 256;
const mostItems = 64;

let keys = 0;

export function newRule(rule = '', params: JsonObject = {}): Rule {
  return { key: ++keys, form: 'rule', rule, params };
}

function newGroup(form: Group['form'], of: Node[]): Group {
  return { key: ++keys, form, of };
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
  return newRule(rule, params);
}

/** A misspelt member would be lost without a word. */
function refuseOthers(value: JsonObject, known: readonly string[], at: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown) throw new Error(`${at} has an unknown member ${unknown}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The criteria as the API has them. Empty params are left out. */
export function writeCriteria(node: Node, resourceType: string): JsonObject {
  switch (node.form) {
    case 'rule':
      return { rule: node.rule, resourceType, params: given(node.params) };
    case 'not':
      return { not: writeCriteria(node.of, resourceType) };
    default:
      return { [node.form]: node.of.map((each) => writeCriteria(each, resourceType)) };
  }
}

function given(params: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== ''));
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

/** What is wrong with criteria, by the key of the node. */
export function problemsOf(node: Node, rules: readonly KnownRule[]): Map<number, string> {
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

function problemOf(node: Node, level: number, rules: readonly KnownRule[]): string | undefined {
  if (level > mostLevels) return `There are more than ${mostLevels} levels.`;
  if (node.form === 'not') return undefined;
  if (node.form === 'rule') return problemOfRule(node, rules);
  if (node.of.length === 0) return 'Add at least one criterion.';
  return node.of.length > mostItems ? `There are more than ${mostItems} criteria side by side.` : undefined;
}

function problemOfRule({ rule, params }: Rule, rules: readonly KnownRule[]): string | undefined {
  if (rule === '') return 'Choose a rule.';
  const known = rules.find(({ name }) => name === rule);
  if (!known) return `These resources have no rule ${rule}.`;
  const properties = propertiesOf(known);
  const unknown = Object.keys(given(params)).find((name) => !(name in properties));
  if (unknown) return `${rule} has no param ${unknown}.`;
  for (const [name, property] of Object.entries(properties)) {
    const value = params[name];
    const isGiven = value !== undefined && value !== '';
    if (isRequired(known, name) && (!isGiven || (Array.isArray(value) && value.length === 0)))
      return `${name} is missing.`;
    if (isGiven && !hasType(value, property.type))
      return `${name} must be ${typeWords[property.type] ?? property.type}.`;
  }
  return undefined;
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
export function inWords(node: Node): string {
  switch (node.form) {
    case 'rule': {
      const params = Object.entries(given(node.params)).map(([name, value]) => `${name} ${valueInWords(value)}`);
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
  return Array.isArray(value) ? value.join(' or ') : String(value);
}
