import type { OutputUnit } from '@cfworker/json-schema';

type SchemaNode = Record<string, unknown> | undefined;

/**
 * Says what is wrong in words that make sense beside the field. A template's own `errorMessage` (Backstage's forms
 * know ajv-errors' keyword) comes first: on the field as a sentence or by keyword, or on the object around it by
 * property.
 */
export function describeProblem(
  unit: OutputUnit,
  missing: string | undefined,
  schema: SchemaNode,
  owner: SchemaNode,
): string {
  const own = ownWords(unit, missing, schema, owner);
  if (own) return own;
  const limit = schema?.[unit.keyword];
  switch (unit.keyword) {
    case 'required':
      return 'This is needed.';
    case 'type':
      return `Must be ${article(limit)}.`;
    case 'enum':
      return Array.isArray(limit) ? `Must be one of ${limit.join(', ')}.` : 'Must be one of the choices.';
    case 'const':
      return `Must be ${JSON.stringify(limit)}.`;
    case 'minLength':
      return limit === 1 ? 'This is needed.' : `Must have at least ${limit} characters.`;
    case 'maxLength':
      return `Must have at most ${limit} characters.`;
    case 'pattern':
      return `Must match the pattern ${limit}`;
    case 'format':
      return `Must be a valid ${limit}.`;
    case 'minimum':
      return `Must be ${limit} or more.`;
    case 'maximum':
      return `Must be ${limit} or less.`;
    case 'exclusiveMinimum':
      return `Must be more than ${limit}.`;
    case 'exclusiveMaximum':
      return `Must be less than ${limit}.`;
    case 'multipleOf':
      return `Must be a multiple of ${limit}.`;
    case 'minItems':
      return limit === 1 ? 'Choose at least one.' : `Choose at least ${limit}.`;
    case 'maxItems':
      return `Choose at most ${limit}.`;
    case 'uniqueItems':
      return 'Nothing may be in the list twice.';
    case 'additionalProperties':
      return 'There is a property that the template does not know.';
    default:
      return unit.error;
  }
}

function ownWords(
  unit: OutputUnit,
  missing: string | undefined,
  schema: SchemaNode,
  owner: SchemaNode,
): string | undefined {
  const name = unit.keywordLocation.split('/').at(-2) ?? '';
  const onField = schema?.errorMessage;
  if (missing === undefined && typeof onField === 'string') return onField;
  const byKeyword = at(onField, unit.keyword);
  if (typeof byKeyword === 'string') return byKeyword;
  const words = missing === undefined ? at(at(owner?.errorMessage, 'properties'), name) : at(byKeyword, missing);
  return typeof words === 'string' ? words : undefined;
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function article(type: unknown): string {
  if (Array.isArray(type)) return type.map(article).join(' or ');
  if (type === 'integer') return 'a whole number';
  if (type === 'string') return 'text';
  if (type === 'boolean') return 'yes or no';
  if (type === 'array') return 'a list';
  return type === 'object' ? 'an object' : `a ${type}`;
}
