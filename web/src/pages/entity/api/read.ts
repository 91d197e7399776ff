import { parseDocument } from 'yaml';
import { readAsyncApi } from './asyncapi';
import { readGraphql } from './graphql';
import { readMcp } from './mcp';
import { type ApiModel, DefinitionError, type Failure, type ReadableType, type Reading } from './model';
import { readOpenApi } from './openapi';
import { isObject, type Plain } from './plain';
import { readProto } from './proto';

/** Reads a definition, or says where and why it cannot be read. */
export function readDefinition(type: ReadableType, source: string): Reading {
  try {
    const model = readers[type](source);
    return { model: { ...model, groups: model.groups.map((group) => ({ ...group, items: unique(group.items) })) } };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof DefinitionError)) return { message: error instanceof Error ? error.message : String(error) };
  const { message, line, column } = error;
  return { message, ...(line !== undefined && { line }), ...(column !== undefined && { column }) };
}

const readers: Record<ReadableType, (source: string) => ApiModel> = {
  openapi: (source) => readOpenApi(parseData(source)),
  asyncapi: (source) => readAsyncApi(parseData(source)),
  graphql: readGraphql,
  grpc: readProto,
  'mcp-server': (source) => readMcp(parseData(source)),
};

/** Names that a definition has twice would be one to the page. */
function unique<Item extends { id: string }>(items: readonly Item[]): Item[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const count = (seen.get(item.id) ?? 0) + 1;
    seen.set(item.id, count);
    return count === 1 ? item : { ...item, id: `${item.id} (${count})` };
  });
}

/** How many values the aliases of YAML may repeat. More is an attack or a mistake. */
const mostAliases = 100;

/** Parses JSON or YAML. JSON is tried first, because it is parsed a hundred times as fast. */
function parseData(source: string): Plain {
  const data = /^\s*\{/.test(source) ? (tryJson(source) ?? parseYaml(source)) : parseYaml(source);
  if (!isObject(data)) throw new DefinitionError('It is not a document with keys and values.', 1, 1);
  return data;
}

function tryJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    // The parser of YAML, of which JSON is a part, says where it is wrong.
    return undefined;
  }
}

function parseYaml(source: string): unknown {
  const document = parseDocument(source, { uniqueKeys: false, prettyErrors: true, logLevel: 'silent' });
  const [error] = document.errors;
  if (error) {
    const [place] = error.linePos ?? [];
    throw new DefinitionError(error.message.replace(/ at line \d+, column \d+:[\s\S]*$/, '.'), place?.line, place?.col);
  }
  return document.toJS({ maxAliasCount: mostAliases });
}
