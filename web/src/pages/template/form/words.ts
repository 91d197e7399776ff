import type { OutputUnit } from '@cfworker/json-schema';
import { patternProblem } from './pattern-words';

type SchemaNode = Record<string, unknown> | undefined;

/** The message for a required field. */
export const needed = 'This is needed.';

/** An error of the validator, and the texts for its message. */
interface Complaint {
  unit: OutputUnit;
  /** The name of the missing property, if the error is about one. */
  missing: string | undefined;
  /** The schema of the value, and that of the object around it. */
  schema: SchemaNode;
  owner: SchemaNode;
  value: unknown;
  /** The description of the field. */
  help: unknown;
}

/**
 * The message of an error for the field. A template's own `errorMessage` (the keyword of ajv-errors, which
 * Backstage's forms support) comes first: on the field as a text or by keyword, or on the object around it by
 * property.
 */
export function describeProblem(complaint: Complaint): string {
  const { unit, schema } = complaint;
  const own = ownWords(complaint);
  if (own) return own;
  const limit = schema?.[unit.keyword];
  switch (unit.keyword) {
    case 'required':
      return needed;
    case 'type':
      return `Must be ${article(limit)}.`;
    case 'enum':
      return Array.isArray(limit) ? `Must be one of ${limit.join(', ')}.` : 'Must be one of the choices.';
    case 'const':
      return `Must be ${JSON.stringify(limit)}.`;
    case 'minLength':
      return limit === 1 ? needed : `Must have at least ${limit} characters.`;
    case 'maxLength':
      return `Must have at most ${limit} characters.`;
    case 'pattern':
      return patternWords(complaint, String(limit));
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

/** The pattern itself is shown only when neither it nor the template gives a description in words. */
function patternWords({ value, help, schema }: Complaint, pattern: string): string {
  const said = typeof value === 'string' ? patternProblem(pattern, value) : undefined;
  if (said) return said;
  if (typeof help === 'string' && help.trim() !== '') return help;
  const { title } = schema ?? {};
  const what = typeof title === 'string' && title.trim() !== '' ? `This is no valid “${title}”: it must` : 'Must';
  return `${what} match the pattern ${pattern}`;
}

function ownWords({ unit, missing, schema, owner }: Complaint): string | undefined {
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
