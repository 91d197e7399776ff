import type { RJSFSchema } from '@rjsf/utils';
import type { JsonObject } from '@/api/types';
import { humanizeRef, parseRef } from '@/entity/ref';
import { isObject } from '@/template/is-object';
import { humanizeRepoUrl } from './form/pickers/repo-url';
import { hiddenNames, type Page, resolve, writtenProperty } from './pages';

export interface ReviewRow {
  key: string;
  label: string;
  value: string;
}

interface ReviewRule {
  show?: boolean;
  mask?: string;
  name?: string;
  explode?: boolean;
}

/**
 * The values of a page for the review, by Backstage's rules (`ui:backstage.review`): a mask replaces the
 * value, `show: false` hides it, passwords and secrets are asterisks, choices show their labels, objects are
 * split unless configured otherwise, and `name` overrides the label.
 */
export function reviewRows(page: Page, values: JsonObject): ReviewRow[] {
  return rowsOf(resolve(page, values), page.written, values, [], hiddenNames([page]));
}

type Names = ReadonlySet<string>;

function rowsOf(
  schema: RJSFSchema,
  written: JsonObject,
  values: JsonObject,
  path: string[],
  hidden: Names,
): ReviewRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const value = values[name];
    if (value === undefined || typeof property === 'boolean') return [];
    const hints = writtenProperty(written, name);
    return rowsOfProperty(property as RJSFSchema, hints, value, [...path, name], hidden);
  });
}

const dots = '••••••';

function rowsOfProperty(
  schema: RJSFSchema,
  written: JsonObject,
  value: unknown,
  path: string[],
  hidden: Names,
): ReviewRow[] {
  const rule = ruleOf(written);
  const label = rule.name ?? schema.title ?? path.map(startCase).join(' › ');
  const row = (text: string): ReviewRow[] => [{ key: path.join('/'), label, value: text }];
  if (rule.mask !== undefined) return row(rule.mask);
  if (rule.show === false) return [];
  if (hidden.has(path.at(-1) ?? '')) return row(dots);
  if (written['ui:field'] === 'RepoUrlPicker') return row(humanizeRepoUrl(value));
  if (entityFields.has(written['ui:field'])) return row([value].flat().map(wordsOfRef).join(', '));
  const choice = choiceLabel(schema, written, value);
  if (choice !== undefined) return row(choice);
  if (isObject(value) && rule.explode !== false) return rowsOf(schema, written, value, path, hidden);
  return row(wordsOf(value, hidden));
}

const entityFields: ReadonlySet<unknown> = new Set([
  'EntityPicker',
  'MultiEntityPicker',
  'MyGroupsPicker',
  'OwnedEntityPicker',
  'OwnerPicker',
]);

/** `group:default/platform` as `platform (group)`. Other texts are shown unchanged. */
function wordsOfRef(value: unknown): string {
  const text = wordsOf(value);
  if (!text.includes(':')) return text;
  const { kind } = parseRef(text);
  return `${humanizeRef(text, kind)} (${kind})`;
}

function ruleOf(written: JsonObject): ReviewRule {
  const backstage = written['ui:backstage'];
  return isObject(backstage) && isObject(backstage.review) ? (backstage.review as ReviewRule) : {};
}

function choiceLabel(schema: RJSFSchema, written: JsonObject, value: unknown): string | undefined {
  const names = written['ui:enumNames'] ?? written.enumNames;
  const index = (schema.enum as unknown[] | undefined)?.indexOf(value) ?? -1;
  const name = Array.isArray(names) ? names[index] : undefined;
  return name === undefined ? undefined : String(name);
}

function wordsOf(value: unknown, hidden: Names = new Set()): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (name, inner) => (hidden.has(name) ? dots : inner));
}

/** `repoUrl` and `repo_url` as `Repo Url`. */
export function startCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[\s_-]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}
