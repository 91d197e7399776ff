import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type FieldDefinitionNode,
  GraphQLError,
  type InputValueDefinitionNode,
  parse,
  print,
  type TypeNode,
} from 'graphql';
import { type ApiModel, DefinitionError, type Group, type Item, type Parameter } from './model';
import { some } from './plain';
import { writtenRules, writtenType } from './schema';

/** More than any schema that people write: a parser of nested text must have an end. */
const mostTokens = 1_000_000;

/** Reads the schema definition language of GraphQL. */
export function readGraphql(source: string): ApiModel {
  const definitions = parsed(source);
  const roots = rootTypes(definitions);
  const types = new Map<string, Item>();
  const schemas: Record<string, unknown> = {};
  const operations = new Map<string, Item[]>();
  let description: string | undefined;
  for (const definition of definitions) {
    if (definition.kind === 'SchemaDefinition') description = definition.description?.value;
    const operation = 'name' in definition && definition.name ? roots.get(definition.name.value) : undefined;
    if (operation && 'fields' in definition) {
      const fields = (definition.fields ?? []) as readonly FieldDefinitionNode[];
      operations.set(operation, [
        ...(operations.get(operation) ?? []),
        ...fields.map((field) => operationItem(operation, field)),
      ]);
      continue;
    }
    addType(definition, types, schemas);
  }
  const groups: Group[] = [
    { name: 'Queries', items: operations.get('query') ?? [] },
    { name: 'Mutations', items: operations.get('mutation') ?? [] },
    { name: 'Subscriptions', items: operations.get('subscription') ?? [] },
    { name: 'Types', items: [...types.values()] },
  ].filter(({ items }) => items.length > 0);
  if (groups.length === 0) throw new DefinitionError('It defines no type.');
  return { ...some('description', description), servers: [], groups, root: { types: schemas } };
}

function parsed(source: string): readonly DefinitionNode[] {
  try {
    return parse(source, { maxTokens: mostTokens }).definitions;
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const [place] = error.locations ?? [];
    throw new DefinitionError(error.message, place?.line, place?.column);
  }
}

function rootTypes(definitions: readonly DefinitionNode[]): Map<string, string> {
  const roots = new Map([
    ['Query', 'query'],
    ['Mutation', 'mutation'],
    ['Subscription', 'subscription'],
  ]);
  const named = definitions.filter(({ kind }) => kind === 'SchemaDefinition' || kind === 'SchemaExtension');
  if (named.some(({ kind }) => kind === 'SchemaDefinition')) roots.clear();
  for (const definition of named) {
    if (!('operationTypes' in definition)) continue;
    for (const { operation, type } of definition.operationTypes ?? []) roots.set(type.name.value, operation);
  }
  return roots;
}

function operationItem(operation: string, field: FieldDefinitionNode): Item {
  const parameters = (field.arguments ?? []).map(argumentOf);
  return {
    id: `${operation} ${field.name.value}`,
    badge: operation,
    name: field.name.value,
    summary: `${signature(field)}: ${print(field.type)}`,
    ...some('description', field.description?.value),
    ...(isDeprecated(field.directives) && { deprecated: true }),
    parts: [
      ...(parameters.length > 0 ? [{ title: 'Arguments', parameters }] : []),
      { title: 'Result', note: print(field.type), schema: { $ref: `#/types/${nameOf(field.type)}` } },
    ],
  };
}

function signature({ arguments: given = [] }: FieldDefinitionNode): string {
  return given.length > 0 ? `(${given.map(({ name, type }) => `${name.value}: ${print(type)}`).join(', ')})` : '';
}

function argumentOf(node: InputValueDefinitionNode): Parameter {
  return {
    name: node.name.value,
    required: node.type.kind === 'NonNullType' && !node.defaultValue,
    deprecated: isDeprecated(node.directives),
    ...some('description', node.description?.value),
    schema: valueSchema(node.type, { ...(node.defaultValue && { default: print(node.defaultValue) }) }),
  };
}

function valueSchema(type: TypeNode, more: Record<string, unknown>) {
  return { $ref: `#/types/${nameOf(type)}`, ...more, [writtenType]: print(type) };
}

function nameOf(type: TypeNode): string {
  return type.kind === 'NamedType' ? type.name.value : nameOf(type.type);
}

function isDeprecated(directives: readonly ConstDirectiveNode[] | undefined): boolean {
  return directives?.some(({ name }) => name.value === 'deprecated') ?? false;
}

const badges: Partial<Record<DefinitionNode['kind'], string>> = {
  ObjectTypeDefinition: 'type',
  ObjectTypeExtension: 'type',
  InterfaceTypeDefinition: 'interface',
  InterfaceTypeExtension: 'interface',
  InputObjectTypeDefinition: 'input',
  InputObjectTypeExtension: 'input',
  EnumTypeDefinition: 'enum',
  EnumTypeExtension: 'enum',
  UnionTypeDefinition: 'union',
  UnionTypeExtension: 'union',
  ScalarTypeDefinition: 'scalar',
  DirectiveDefinition: 'directive',
};

/** Adds a type, or what an extension adds to it. */
function addType(definition: DefinitionNode, types: Map<string, Item>, schemas: Record<string, unknown>): void {
  const badge = badges[definition.kind];
  if (!badge || !('name' in definition) || !definition.name) return;
  const name = definition.name.value;
  const parameters = partsOfType(definition);
  const known = types.get(name);
  const all = [...(known?.parts[0]?.parameters ?? []), ...parameters];
  const description = ('description' in definition && definition.description?.value) || known?.description;
  types.set(name, {
    id: `${badge} ${name}`,
    badge,
    name,
    ...some('description', description || undefined),
    ...some('summary', summaryOf(definition) ?? known?.summary),
    parts: all.length > 0 ? [{ title: badge === 'directive' ? 'Arguments' : 'Values', parameters: all }] : [],
  });
  if (badge !== 'directive') schemas[name] = schemaOf(badge, all);
}

function partsOfType(definition: DefinitionNode): Parameter[] {
  switch (definition.kind) {
    case 'ObjectTypeDefinition':
    case 'ObjectTypeExtension':
    case 'InterfaceTypeDefinition':
    case 'InterfaceTypeExtension':
      return (definition.fields ?? []).map(fieldOfType);
    case 'InputObjectTypeDefinition':
    case 'InputObjectTypeExtension':
      return (definition.fields ?? []).map(argumentOf);
    case 'DirectiveDefinition':
      return (definition.arguments ?? []).map(argumentOf);
    case 'EnumTypeDefinition':
    case 'EnumTypeExtension':
      return (definition.values ?? []).map((value) => ({
        name: value.name.value,
        deprecated: isDeprecated(value.directives),
        ...some('description', value.description?.value),
        schema: { [writtenType]: 'value' },
      }));
    case 'UnionTypeDefinition':
    case 'UnionTypeExtension':
      return (definition.types ?? []).map((type) => ({ name: type.name.value, schema: valueSchema(type, {}) }));
    default:
      return [];
  }
}

function fieldOfType(field: FieldDefinitionNode): Parameter {
  const given = signature(field);
  return {
    name: field.name.value,
    deprecated: isDeprecated(field.directives),
    ...some('description', field.description?.value),
    schema: valueSchema(field.type, { ...(given && { [writtenRules]: [`takes ${given}`] }) }),
  };
}

function summaryOf(definition: DefinitionNode): string | undefined {
  if (!('interfaces' in definition) || !definition.interfaces?.length) return undefined;
  return `implements ${definition.interfaces.map(({ name }) => name.value).join(', ')}`;
}

/** A type as a schema, so that it is opened like those of other definitions. */
function schemaOf(badge: string, parameters: readonly Parameter[]) {
  if (badge === 'scalar') return {};
  if (badge === 'enum') return { enum: parameters.map(({ name }) => name) };
  if (badge === 'union') return { oneOf: parameters.map(({ schema }) => schema) };
  return {
    properties: Object.fromEntries(
      parameters.map(({ name, description, deprecated, schema }) => [
        name,
        { ...(schema as object), ...some('description', description), ...(deprecated && { deprecated }) },
      ]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  };
}
