import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import type { JsonObject } from '@/api/types';

/**
 * What the portal has for `ui:field`. A template that asks for another field still gets a plain control, with a
 * note.
 */
export const knownFields: ReadonlySet<string> = new Set([
  'EntityNamePicker',
  'EntityPicker',
  'EntityTagsPicker',
  'MultiEntityPicker',
  'MyGroupsPicker',
  'OwnedEntityPicker',
  'OwnerPicker',
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
 * Keys of Backstage's that are neither JSON Schema nor for the form, and layouts that a Backstage app registers by
 * name.
 */
const dropped: ReadonlySet<string> = new Set([
  'backstage:permissions',
  'backstage:featureFlag',
  'ui:ObjectFieldTemplate',
  'ui:backstage',
]);

/**
 * Keywords under which an alternative or a condition describes the same value, so that its hints belong to the same
 * place.
 */
const sameValue = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else'];

export interface SplitSchema {
  schema: RJSFSchema;
  uiSchema: UiSchema;
}

/**
 * Takes a page of a template apart the way Backstage's forms do: what starts with `ui:` becomes the form's hints, the
 * rest is JSON Schema. Properties behind a feature flag are left out: the portal has no flags.
 */
export function splitSchema(page: JsonObject): SplitSchema {
  const uiSchema: UiSchema = {};
  const schema = { type: 'object', ...split(page, uiSchema) } as RJSFSchema;
  return { schema, uiSchema };
}

/** `refines` says that the node adds to what is said of the same value elsewhere. */
function split(node: JsonObject, hints: UiSchema, refines = false): JsonObject {
  const schema: JsonObject = {};
  for (const [key, value] of Object.entries(node)) {
    if (dropped.has(key)) continue;
    // Older templates name their choices beside them; RJSF 6 only reads the hint.
    if (key === 'enumNames') hints['ui:enumNames'] ??= value as string[];
    else if (key.startsWith('ui:')) addHint(hints, key, value);
    else schema[key] = splitKeyword(key, value, hints, refines);
  }
  const plain = plainControl(schema, refines, isForeign(node['ui:field']));
  const hidden = flagged(node);
  if (hidden.length > 0 && Array.isArray(schema.required)) {
    schema.required = schema.required.filter((name) => !hidden.includes(name));
  }
  return { ...schema, ...plain };
}

/** The keywords by which a value's type is said, so that a form can ask for it. */
const telling = ['type', '$ref', 'const', 'enum', 'properties', 'items', ...sameValue];

/**
 * What a schema lacks for a form to have a control: the field that it names may know the type without being told. A list
 * whose items nobody describes is one of texts, unless its default says otherwise; so is an object's every value, and a
 * value of which nothing is said at all is a text.
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

/** Whether a field is one that the portal does not have. */
function isForeign(field: unknown): boolean {
  return typeof field === 'string' && !knownFields.has(field);
}

function addHint(hints: UiSchema, key: string, value: unknown): void {
  if (key === 'ui:field' && isForeign(value)) {
    hints['ui:help'] =
      `The template asks for the field ${value}, which this portal does not have. Type the value as the template expects it.`;
  } else if (key !== 'ui:widget' || knownWidgets.has(value)) {
    hints[key] = value;
  }
}

function splitKeyword(key: string, value: unknown, hints: UiSchema, refines: boolean): unknown {
  if (key === 'properties' && isObject(value)) return splitProperties(value, hints, refines);
  if (key === 'dependencies' && isObject(value)) return splitDependencies(value, hints);
  if (key === 'items' && isObject(value)) {
    hints.items ??= {};
    return split(value, hints.items as UiSchema, refines);
  }
  if (!sameValue.includes(key)) return value;
  if (Array.isArray(value)) return value.map((branch) => (isObject(branch) ? split(branch, hints, true) : branch));
  return isObject(value) ? split(value, hints, true) : value;
}

function splitProperties(properties: JsonObject, hints: UiSchema, refines: boolean): JsonObject {
  const schema: JsonObject = {};
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) schema[name] = property;
    else if (!('backstage:featureFlag' in property)) {
      hints[name] ??= {};
      schema[name] = split(property, hints[name] as UiSchema, refines);
    }
  }
  return schema;
}

function splitDependencies(dependencies: JsonObject, hints: UiSchema): JsonObject {
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, value]) => [name, isObject(value) ? split(value, hints, true) : value]),
  );
}

function flagged(node: JsonObject): string[] {
  if (!isObject(node.properties)) return [];
  return Object.entries(node.properties)
    .filter(([, property]) => isObject(property) && 'backstage:featureFlag' in property)
    .map(([name]) => name);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
