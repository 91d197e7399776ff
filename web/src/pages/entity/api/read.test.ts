import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ApiModel, Failure, Item, ReadableType } from './model';
import { readDefinition } from './read';
import { fieldsOf } from './schema';

function modelOf(type: ReadableType, source: string): ApiModel {
  const reading = readDefinition(type, source);
  if ('failure' in reading) throw new Error(reading.failure.message);
  return reading.model;
}

function failureOf(type: ReadableType, source: string): Failure {
  const reading = readDefinition(type, source);
  if (!('failure' in reading)) throw new Error('It could be read.');
  return reading.failure;
}

function itemsOf({ groups }: ApiModel): Record<string, string[]> {
  return Object.fromEntries(
    groups.map(({ name, items }) => [name, items.map(({ badge, name }) => `${badge} ${name}`)]),
  );
}

function item(model: ApiModel, id: string): Item {
  const found = model.groups.flatMap(({ items }) => items).find((each) => each.id === id);
  if (!found) throw new Error(`There is no ${id}.`);
  return found;
}

/** The names and types in the schema of a part. */
function inPart(model: ApiModel, found: Item, title: string): Record<string, string> {
  const part = found.parts.find((each) => each.title === title);
  return Object.fromEntries(fieldsOf(part?.schema, model.root).map(({ name, type }) => [name, type]));
}

const openapi = `
openapi: 3.1.0
info: { title: Tracking, version: 1.0, description: Where parcels are. }
servers: [{ url: https://api.example.com/v1, description: live }]
tags: [{ name: parcels, description: About parcels }, { name: unused }]
paths:
  /parcels/{number}:
    parameters:
      - { $ref: '#/components/parameters/Number' }
      - { name: lang, in: query, schema: { type: string } }
    get:
      tags: [parcels]
      operationId: findParcel
      deprecated: true
      parameters: [{ name: lang, in: query, required: true, schema: { type: string, enum: [de, en] } }]
      responses:
        '200': { description: Found, content: { application/json: { schema: { $ref: '#/components/schemas/Parcel' } } } }
        '404': { description: Not found }
  /depots:
    post:
      requestBody: { required: true, content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Parcel' } } } } }
      responses: {}
components:
  parameters: { Number: { name: number, in: path, required: true, schema: { type: string, pattern: '^[0-9]+$' } } }
  schemas:
    Parcel:
      type: object
      required: [number]
      properties:
        number: { type: string, description: On the label }
        inside: { type: array, items: { $ref: '#/components/schemas/Parcel' } }
        kind: { oneOf: [{ type: string }, { type: integer }] }
        extra: { additionalProperties: { type: boolean } }
`;

describe('OpenAPI', () => {
  it('is read as operations by tag, and schemas', () => {
    const model = modelOf('openapi', openapi);
    expect(model).toMatchObject({ title: 'Tracking', version: '1', servers: [{ url: 'https://api.example.com/v1' }] });
    expect(itemsOf(model)).toEqual({
      parcels: ['get /parcels/{number}'],
      Operations: ['post /depots'],
      Schemas: ['schema Parcel'],
    });
    const get = item(model, 'get /parcels/{number}');
    expect(get).toMatchObject({ summary: 'findParcel', deprecated: true });
    expect(get.parts.map(({ title, note }) => [title, note])).toEqual([
      ['Parameters', undefined],
      ['Response 200', 'application/json'],
      ['Response 404', undefined],
    ]);
    expect(get.parts[0]?.parameters).toMatchObject([
      { name: 'number', place: 'path', required: true },
      { name: 'lang', place: 'query', required: true, schema: { enum: ['de', 'en'] } },
    ]);
    expect(inPart(model, item(model, 'post /depots'), 'Body')).toEqual({
      number: 'string',
      inside: 'list of Parcel',
      kind: 'string or integer',
      extra: 'object',
    });
  });

  it('of version 2 is read too', () => {
    const model = modelOf(
      'openapi',
      `{"swagger":"2.0","host":"api.example.com","basePath":"/v1","paths":{"/a":{"put":{"parameters":[
        {"in":"body","name":"it","required":true,"schema":{"$ref":"#/definitions/A"}},
        {"in":"query","name":"n","type":"integer","maximum":9,"required":true}],
        "responses":{"200":{"description":"ok","schema":{"$ref":"#/definitions/A"}}}}}},
        "definitions":{"A":{"properties":{"b":{"type":"string"}}}}}`,
    );
    expect(model.servers).toEqual([{ url: 'https://api.example.com/v1' }]);
    const put = item(model, 'put /a');
    expect(put.parts[0]?.parameters).toMatchObject([{ name: 'n', required: true, schema: { type: 'integer' } }]);
    expect(inPart(model, put, 'Body')).toEqual({ b: 'string' });
    expect(inPart(model, put, 'Response 200')).toEqual({ b: 'string' });
  });

  it('says the line of a mistake', () => {
    expect(failureOf('openapi', 'openapi: 3.0.0\ninfo:\n  title: [a\npaths: {}\n')).toMatchObject({ line: 4 });
    const json = failureOf('openapi', '{"openapi": "3.0.0",\n "paths": {"a" "b"}}');
    expect(json).toMatchObject({ line: 2 });
    expect(json.message).not.toContain('\n');
    expect(failureOf('openapi', 'just words').message).toBe('It is not a document with keys and values.');
    expect(failureOf('openapi', 'a: 1').message).toContain('neither “openapi” nor “swagger”');
  });

  it('refuses a document whose aliases multiply', () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `l${at + 1}: &l${at + 1} [${Array(12).fill(`*l${at}`).join(',')}]`,
    );
    expect(failureOf('openapi', `openapi: 3.0.0\nl0: &l0 [x]\n${levels.join('\n')}`).message).toMatch(/alias/i);
  });

  it('survives references in circles, to nothing, and into what is no schema', () => {
    const model = modelOf(
      'openapi',
      `
openapi: 3.0.0
paths: { /a: { get: { responses: { 200: { content: { x/y: { schema: { $ref: '#/s/A' } } } } } } }, /b: 7, /c: { get: null } }
s:
  A: { $ref: '#/s/B' }
  B: { $ref: '#/s/A' }
  C: { allOf: [{ $ref: '#/s/C' }, { properties: { gone: { $ref: '#/nowhere' }, proto: { $ref: '#/__proto__/x' }, far: { $ref: 'https://example.com/x.yaml#/X' } } }] }
  D: { type: array, items: { $ref: '#/s/D' } }
`,
    );
    expect(inPart(model, item(model, 'get /a'), 'Response 200')).toEqual({});
    const { C, D } = (model.root as { s: Record<string, unknown> }).s;
    expect(fieldsOf(C, model.root).map(({ name, type }) => `${name} ${type}`)).toEqual([
      'gone nowhere',
      'proto x',
      'far X',
    ]);
    expect(fieldsOf(D, model.root)).toEqual([]);
  });

  it('of Portico itself is read, with every operation and every schema', () => {
    const source = readFileSync(new URL('../../../../../api/openapi.json', import.meta.url), 'utf8');
    const { paths, components } = JSON.parse(source) as {
      paths: Record<string, object>;
      components: { schemas: object };
    };
    const model = modelOf('openapi', source);
    const items = model.groups.flatMap((group) => group.items);
    const schemas = items.filter(({ badge }) => badge === 'schema');
    expect(schemas).toHaveLength(Object.keys(components.schemas).length);
    const methods = Object.values(paths).flatMap((path) => Object.keys(path).filter((key) => key !== 'parameters'));
    expect(items.length - schemas.length).toBe(methods.length);
    const unnamed = items.flatMap(({ id, parts }) =>
      parts.flatMap(({ schema }) =>
        fieldsOf(schema, model.root)
          .filter(({ type }) => type === '')
          .map(() => id),
      ),
    );
    expect(unnamed).toEqual([]);
  });

  it('whose schemas are all alternatives of each other is read at once', () => {
    const names = Array.from({ length: 40 }, (_, index) => `S${index}`);
    const all = names.map((name) => ({ $ref: `#/definitions/${name}` }));
    const definitions = Object.fromEntries(
      names.map((name) => [name, { anyOf: all, allOf: all, items: { oneOf: all } }]),
    );
    const model = modelOf('openapi', JSON.stringify({ swagger: '2.0', definitions }));
    expect(inPart(model, item(model, 'schema S0'), 'Values')).toEqual({});
  });

  it('of five megabytes is read, and shown value by value', { timeout: 60_000 }, () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 4000 }, (_, at) => [
        `Type${at}`,
        {
          type: 'object',
          description: 'A type that contains others, which contain others. '.repeat(15),
          properties: Object.fromEntries(
            Array.from({ length: 10 }, (_, to) => [
              `p${to}`,
              { $ref: `#/components/schemas/Type${(at * 7 + to) % 4000}` },
            ]),
          ),
        },
      ]),
    );
    const paths = Object.fromEntries(
      Array.from({ length: 2000 }, (_, at) => [
        `/things/${at}`,
        {
          get: {
            responses: {
              200: { content: { 'application/json': { schema: { $ref: `#/components/schemas/Type${at}` } } } },
            },
          },
        },
      ]),
    );
    const source = JSON.stringify({ openapi: '3.0.0', paths, components: { schemas } });
    expect(source.length).toBeGreaterThan(4_500_000);
    const model = modelOf('openapi', source);
    expect(Object.keys(inPart(model, item(model, 'get /things/9'), 'Response 200'))).toHaveLength(10);
  });
});

describe('AsyncAPI', () => {
  it('3 is read as operations on channels', () => {
    const model = modelOf(
      'asyncapi',
      `
asyncapi: 3.0.0
info: { title: Events, version: 1.1.0 }
servers: { live: { host: broker.example.com:9092, protocol: kafka } }
channels:
  scans:
    address: parcels.scans.{city}
    parameters: { city: { enum: [berlin, oslo] } }
    messages: { scanned: { $ref: '#/components/messages/Scanned' } }
  silent: { messages: { x: { payload: { type: string } } } }
operations:
  onScan: { action: receive, channel: { $ref: '#/channels/scans' }, messages: [{ $ref: '#/channels/scans/messages/scanned' }] }
components:
  messages:
    Scanned: { name: Scanned, contentType: application/json, payload: { type: object, properties: { at: { type: string, format: date-time } } } }
`,
    );
    expect(itemsOf(model)).toEqual({ Channels: ['receive parcels.scans.{city}', 'channel silent'] });
    expect(model.servers).toEqual([{ url: 'kafka://broker.example.com:9092', description: 'live' }]);
    const operation = item(model, 'operation onScan');
    expect(operation.parts[0]?.parameters).toMatchObject([{ name: 'city', schema: { enum: ['berlin', 'oslo'] } }]);
    expect(inPart(model, operation, 'Message Scanned')).toEqual({ at: 'string (date-time)' });
    expect(item(model, 'channel silent').parts.map(({ title }) => title)).toEqual(['Message x']);
  });

  it('2 is read as what is published and subscribed', () => {
    const model = modelOf(
      'asyncapi',
      `
asyncapi: '2.6.0'
channels:
  light/{id}:
    parameters: { id: { schema: { type: integer } } }
    publish: { operationId: turnOn, message: { oneOf: [{ name: On, payload: { properties: { lumen: { type: integer } } } }, { name: Off }] } }
`,
    );
    const publish = item(model, 'publish light/{id}');
    expect(publish.parts.map(({ title }) => title)).toEqual(['Parameters', 'Message On', 'Message Off']);
    expect(inPart(model, publish, 'Message On')).toEqual({ lumen: 'integer' });
  });

  it('without a version is refused', () => {
    expect(failureOf('asyncapi', 'openapi: 3.0.0').message).toContain('no “asyncapi”');
  });
});

describe('GraphQL', () => {
  it('is read as queries, mutations and types', () => {
    const model = modelOf(
      'graphql',
      `
"""All parcels."""
schema { query: Root mutation: Changes }
type Root { "Finds one." parcel(number: ID!, at: [Place!] = []): Parcel @deprecated }
type Changes { drop(input: Drop!): Boolean! }
type Parcel implements Thing & Other { number: ID! inside(first: Int): [Parcel!]! }
extend type Parcel { weight: Float }
input Drop { reason: String! }
enum Place { DEPOT "On its way." VAN }
union Any = Parcel | Root
scalar Date
directive @fast(after: Int) on FIELD
`,
    );
    expect(model.description).toBe('All parcels.');
    expect(itemsOf(model)).toEqual({
      Queries: ['query parcel'],
      Mutations: ['mutation drop'],
      Types: ['type Parcel', 'input Drop', 'enum Place', 'union Any', 'scalar Date', 'directive fast'],
    });
    const query = item(model, 'query parcel');
    expect(query).toMatchObject({
      summary: '(number: ID!, at: [Place!]): Parcel',
      description: 'Finds one.',
      deprecated: true,
    });
    expect(query.parts[0]?.parameters).toMatchObject([
      { name: 'number', required: true },
      { name: 'at', required: false },
    ]);
    expect(inPart(model, query, 'Result')).toEqual({ number: 'ID!', inside: '[Parcel!]!', weight: 'Float' });
    expect(item(model, 'type Parcel').summary).toBe('implements Thing, Other');
  });

  it('says the line and column of a mistake', () => {
    const failure = failureOf('graphql', 'type Query {\n  a: Int\n  b(: String\n}');
    expect(failure).toMatchObject({ line: 3, column: 5 });
    expect(failure.message).toContain('Expected Name');
  });
});

const proto = `
syntax = "proto3";
package kestrel.quotes.v1;
import "google/protobuf/timestamp.proto";
option go_package = "x/y;z";

// Prices shipments.
// A quote holds for one hour.
service Quotes {
  option deprecated = true;
  // Prices one.
  rpc Quote(QuoteRequest) returns (.kestrel.quotes.v1.QuoteResponse);
  rpc Watch(stream QuoteRequest) returns (stream QuoteResponse) { option (google.api.http) = { get: "/v1/{name}" body: "*" }; option deprecated = true; }
}

message QuoteRequest {
  reserved 4, 6 to 8;
  message Parcel { uint32 grams = 1 [deprecated = true]; }
  enum Speed { SLOW = 0; FAST = 1; }
  /* What is sent. */
  repeated Parcel parcels = 1 [(rules).repeated = {min_items: 1}];
  map<string, Speed> speeds = 2;
  oneof to { string city = 3; Place place = 5; }
  optional google.protobuf.Timestamp at = 9;
  string message = 10;
  string option = 11;
}
message Place {}
message QuoteResponse { int64 cents = 1; }
`;

describe('gRPC', () => {
  it('is read as services with methods, and messages', () => {
    const model = modelOf('grpc', proto);
    expect(itemsOf(model)).toEqual({
      Quotes: ['rpc Quote', 'rpc Watch'],
      Messages: ['message QuoteRequest', 'message QuoteRequest.Parcel', 'message Place', 'message QuoteResponse'],
      Enums: ['enum QuoteRequest.Speed'],
    });
    expect(model.groups[0]?.description).toBe('Prices shipments.\nA quote holds for one hour.');
    const quote = item(model, 'rpc Quotes.Quote');
    expect(quote).toMatchObject({ description: 'Prices one.' });
    expect(inPart(model, quote, 'Response')).toEqual({ cents: 'int64' });
    expect(inPart(model, quote, 'Request')).toEqual({
      parcels: 'repeated Parcel',
      speeds: 'map<string, Speed>',
      city: 'string',
      place: 'Place',
      at: 'optional google.protobuf.Timestamp',
      message: 'string',
      option: 'string',
    });
    const request = item(model, 'message QuoteRequest').parts[0]?.schema;
    const [parcels, speeds, city] = fieldsOf(request, model.root);
    expect(parcels).toMatchObject({ description: 'What is sent.', rules: ['field 1'] });
    expect(fieldsOf(parcels?.inner, model.root)).toMatchObject([{ name: 'grams', deprecated: true }]);
    expect(speeds?.choices).toEqual(['SLOW', 'FAST']);
    expect(city?.rules).toEqual(['field 3', 'one of to']);
    expect(item(model, 'rpc Quotes.Watch')).toMatchObject({
      summary: 'stream QuoteRequest → stream .kestrel'.replace('.kestrel', 'QuoteResponse'),
      deprecated: true,
    });
  });

  it('of version 2 is read too', () => {
    const model = modelOf(
      'grpc',
      `syntax = "proto2"; message A { required string b = 1 [default = "x"]; repeated group Inner = 2 { optional int32 c = 3; } extensions 100 to max; }
       extend A { optional int32 d = 100; }`,
    );
    const [b, inner] = fieldsOf(item(model, 'message A').parts[0]?.schema, model.root);
    expect(b).toMatchObject({ name: 'b', required: true });
    expect(fieldsOf(inner?.inner, model.root)).toMatchObject([{ name: 'c' }]);
  });

  it('says the line and column of a mistake', () => {
    expect(failureOf('grpc', 'syntax = "proto3";\nmessage A {\n  string b 1;\n}')).toEqual({
      message: 'Expected “=”, and found “1”.',
      line: 3,
      column: 12,
    });
    expect(failureOf('grpc', 'message A {\n').message).toBe('It ends in the middle of a definition.');
    expect(failureOf('grpc', 'message A { § }')).toMatchObject({ line: 1, column: 13 });
    expect(failureOf('grpc', 'message A {'.repeat(1000)).message).toContain('more than 50 deep');
  });
});

describe('an MCP server', () => {
  it('is read as tools, resources and prompts', () => {
    const model = modelOf(
      'mcp-server',
      JSON.stringify({
        result: {
          serverInfo: { name: 'parcels', version: '2' },
          tools: [
            {
              name: 'find',
              description: 'Finds a parcel.',
              inputSchema: { type: 'object', properties: { number: { type: 'string' } }, required: ['number'] },
              annotations: { readOnlyHint: true },
            },
          ],
          resources: [{ uri: 'parcel://all', name: 'All' }],
          prompts: [{ name: 'ask', arguments: [{ name: 'about', required: true }] }],
        },
      }),
    );
    expect(itemsOf(model)).toEqual({
      Tools: ['tool find'],
      Resources: ['resource parcel://all'],
      Prompts: ['prompt ask'],
    });
    const find = item(model, 'tool find');
    expect(inPart(model, find, 'Input')).toEqual({ number: 'string' });
    expect(find.parts.at(-1)?.description).toBe('It changes nothing.');
  });

  it('without any is refused', () => {
    expect(failureOf('mcp-server', '{"x":1}').message).toContain('no “tools”');
  });
});
