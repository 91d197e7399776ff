/**
 * What all definitions of APIs are read into, so that one page shows them all. It goes from a worker to the page, so it
 * consists of plain data. Its schemas are those of the definition itself, and refer to other ones in `root`.
 */
export interface ApiModel {
  title?: string;
  version?: string;
  description?: string;
  /** Where it is served. */
  servers: Server[];
  groups: Group[];
  root: unknown;
}

export interface Server {
  url: string;
  description?: string;
}

export interface Group {
  name: string;
  description?: string;
  items: Item[];
}

/** An operation, a method, a tool, a type. */
export interface Item {
  /** Different from those of all others. It is part of addresses. */
  id: string;
  /** What it is in a word: get, send, rpc, enum. */
  badge: string;
  name: string;
  summary?: string;
  description?: string;
  deprecated?: boolean;
  parts: Part[];
}

/** A part of an item: its parameters, its body, a response. */
export interface Part {
  title: string;
  /** What else there is to say in the title, such as a media type. */
  note?: string;
  description?: string;
  /** The values of it, one by one, or else a schema. */
  parameters?: Parameter[];
  schema?: unknown;
}

export interface Parameter {
  name: string;
  /** Where it is: path, query, header. */
  place?: string;
  required?: boolean;
  deprecated?: boolean;
  description?: string;
  schema: unknown;
}

/** Why a definition cannot be shown, and where. */
export interface Failure {
  message: string;
  line?: number;
  column?: number;
}

export type Reading = { model: ApiModel } | { failure: Failure };

/** The types of APIs that can be shown as more than text. */
export const readableTypes = ['openapi', 'asyncapi', 'graphql', 'grpc', 'mcp-server'] as const;
export type ReadableType = (typeof readableTypes)[number];

export function readableType(type: unknown): ReadableType | undefined {
  return readableTypes.find((name) => name === String(type).toLowerCase());
}

/** A definition that is not what its type says. */
export class DefinitionError extends Error {
  line: number | undefined;
  column: number | undefined;

  constructor(message: string, line?: number, column?: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}
