/** One value of an action's input or output. */
export interface SchemaField {
  name: string;
  type: string;
  needed: boolean;
  description: string | undefined;
}

interface Schema {
  type?: unknown;
  title?: unknown;
  description?: unknown;
  enum?: unknown;
  items?: unknown;
  properties?: unknown;
  required?: unknown;
}

/** The values in the schema of an action's input or output, the required ones first. */
export function fieldsOf(schema: unknown): SchemaField[] {
  const { properties, required } = asSchema(schema);
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(asSchema(properties))
    .map(([name, property]) => {
      const { description, title } = asSchema(property);
      const words = [description, title].find((text) => typeof text === 'string');
      return { name, type: typeOf(property), needed: needed.includes(name), description: words as string | undefined };
    })
    .sort((a, b) => Number(b.needed) - Number(a.needed));
}

/** A type in words: `string`, `list of string`, `one of public, private`. */
function typeOf(schema: unknown): string {
  const { type, enum: choices, items } = asSchema(schema);
  if (Array.isArray(choices)) return `one of ${choices.join(', ')}`;
  if (type === 'array') return items ? `list of ${typeOf(items)}` : 'list';
  if (Array.isArray(type)) return type.join(' or ');
  return typeof type === 'string' ? type : 'any';
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? value : {};
}
