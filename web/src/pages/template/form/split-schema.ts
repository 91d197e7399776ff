import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import type { JsonObject } from '@/api/types';
import { isObject } from '@/template/is-object';

/** The portal's own values of `ui:field`. A field that is not custom either gets a plain control with a note. */
const ownFields: ReadonlySet<string> = new Set([
  'AccordionField',
  'EntityNamePicker',
  'EntityPicker',
  'EntityTagsPicker',
  'MultiEntityPicker',
  'MyGroupsPicker',
  'OwnedEntityPicker',
  'OwnerPicker',
  'RepoBranchPicker',
  'RepoOwnerPicker',
  'RepoUrlPicker',
  'Secret',
]);

const knownWidgets: ReadonlySet<unknown> = new Set([
  'checkbox',
  'checkboxes',
  'color',
  'date',
  'date-time',
  'datetime',
  'email',
  'file',
  'files',
  'hidden',
  'password',
  'radio',
  'range',
  'select',
  'text',
  'textarea',
  'time',
  'updown',
  'uri',
]);

/**
 * Backstage's keys that are neither JSON Schema nor hints of the form, and layouts that a Backstage app
 * registers by name.
 */
const dropped: ReadonlySet<string> = new Set([
  'backstage:permissions',
  'backstage:featureFlag',
  'ui:ObjectFieldTemplate',
  'ui:backstage',
]);

/** Keywords whose schemas describe the same value, so that their hints apply to the same place. */
const sameValue = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else'];

export interface SplitSchema {
  schema: RJSFSchema;
  uiSchema: UiSchema;
}

/** What is the same for all places of a page. */
interface Place {
  /** The names of the fields that exist. */
  known: ReadonlySet<unknown>;
  /** Whether the node adds to another description of the same value. */
  refines: boolean;
}

/**
 * Splits a page of a template as Backstage's forms do: keys that start with `ui:` become hints of the form,
 * the rest is JSON Schema. Properties behind a feature flag are left out, because the portal has no flags. Custom are
 * the names of the fields that the installation adds.
 */
export function splitSchema(page: JsonObject, custom: readonly string[] = []): SplitSchema {
  const uiSchema: UiSchema = {};
  const place = { known: new Set([...ownFields, ...custom]), refines: false };
  const schema = { type: 'object', ...split(page, uiSchema, place) } as RJSFSchema;
  return { schema, uiSchema };
}

function split(node: JsonObject, hints: UiSchema, place: Place): JsonObject {
  const schema: JsonObject = {};
  for (const [key, value] of Object.entries(node)) {
    if (dropped.has(key)) continue;
    // Older templates have the labels in enumNames; RJSF 6 reads only the hint.
    if (key === 'enumNames') hints['ui:enumNames'] ??= value as string[];
    else if (key.startsWith('ui:')) addHint(hints, key, value, place);
    else schema[key] = splitKeyword(key, value, hints, place);
  }
  const plain = plainControl(schema, place.refines, isForeign(node['ui:field'], place));
  const hidden = flagged(node);
  if (hidden.length > 0 && Array.isArray(schema.required)) {
    schema.required = schema.required.filter((name) => !hidden.includes(name));
  }
  return { ...schema, ...plain };
}

/** The keywords that determine a value's type, and thus its control. */
const telling = ['type', '$ref', 'const', 'enum', 'properties', 'items', ...sameValue];

/**
 * Adds missing types, without which a form has no control, unless the named field knows its type. Items of a
 * list without a description are texts, unless the default differs, and so are the values of an object. A
 * value without any description is a text.
 */
function plainControl(schema: JsonObject, refines: boolean, foreign: boolean): JsonObject {
  if (refines && !foreign) return {};
  if (schema.type === 'array' && !('items' in schema)) {
    return { items: { type: typeOf(Array.isArray(schema.default) ? schema.default[0] : undefined) } };
  }
  if (!foreign) return {};
  if (schema.type === 'object' && !('properties' in schema) && !('additionalProperties' in schema)) {
    return { additionalProperties: { type: 'string' } };
  }
  return telling.some((keyword) => keyword in schema) ? {} : { type: typeOf(schema.default) };
}

function typeOf(example: unknown): string {
  if (Array.isArray(example)) return 'array';
  if (isObject(example)) return 'object';
  return typeof example === 'number' || typeof example === 'boolean' ? typeof example : 'string';
}

/** Whether there is no such field. */
function isForeign(field: unknown, { known }: Place): boolean {
  return typeof field === 'string' && !known.has(field);
}

function addHint(hints: UiSchema, key: string, value: unknown, place: Place): void {
  if (key === 'ui:field' && isForeign(value, place)) {
    hints['ui:help'] =
      `The template asks for the field ${value}, which this portal does not have. Type the value as the template expects it.`;
  } else if (key !== 'ui:widget' || knownWidgets.has(value)) {
    hints[key] = value;
  }
}

function splitKeyword(key: string, value: unknown, hints: UiSchema, place: Place): unknown {
  if (key === 'properties' && isObject(value)) return splitProperties(value, hints, place);
  if (key === 'dependencies' && isObject(value)) return splitDependencies(value, hints, place);
  if (key === 'items' && isObject(value)) {
    hints.items ??= {};
    return split(value, hints.items as UiSchema, place);
  }
  if (!sameValue.includes(key)) return value;
  const refining = { ...place, refines: true };
  if (Array.isArray(value)) return value.map((branch) => (isObject(branch) ? split(branch, hints, refining) : branch));
  return isObject(value) ? split(value, hints, refining) : value;
}

function splitProperties(properties: JsonObject, hints: UiSchema, place: Place): JsonObject {
  const schema: JsonObject = {};
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) schema[name] = property;
    else if (!('backstage:featureFlag' in property)) {
      hints[name] ??= {};
      schema[name] = split(property, hints[name] as UiSchema, place);
    }
  }
  return schema;
}

function splitDependencies(dependencies: JsonObject, hints: UiSchema, place: Place): JsonObject {
  const refining = { ...place, refines: true };
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, value]) => [
      name,
      isObject(value) ? split(value, hints, refining) : value,
    ]),
  );
}

function flagged(node: JsonObject): string[] {
  if (!isObject(node.properties)) return [];
  return Object.entries(node.properties)
    .filter(([, property]) => isObject(property) && 'backstage:featureFlag' in property)
    .map(([name]) => name);
}
