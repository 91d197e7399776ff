import { type ApiModel, DefinitionError, type Group, type Item } from './model';
import { some } from './plain';
import { type Token, tokensOf } from './proto-tokens';
import { writtenRules, writtenType } from './schema';

interface ProtoField {
  name: string;
  type: string;
  /** repeated, optional, required, or the types of a map. */
  label: string | undefined;
  mapKey?: string;
  number: string;
  oneof: string | undefined;
  comment: string | undefined;
  deprecated: boolean;
}

interface Message {
  name: string;
  comment: string | undefined;
  fields: ProtoField[];
}

interface Enum {
  name: string;
  comment: string | undefined;
  values: { name: string; number: string; comment: string | undefined }[];
}

interface Method {
  name: string;
  comment: string | undefined;
  input: string;
  output: string;
  streamsIn: boolean;
  streamsOut: boolean;
  deprecated: boolean;
}

interface Service {
  name: string;
  comment: string | undefined;
  methods: Method[];
}

const deepest = 50;

/** Reads the source of Protocol Buffers: services with their methods, messages, enums. Extensions are left out. */
class ProtoReader {
  pkg = '';
  syntax: string | undefined;
  readonly services: Service[] = [];
  readonly messages: Message[] = [];
  readonly enums: Enum[] = [];
  private readonly tokens: Token[];
  private at = 0;

  constructor(source: string) {
    this.tokens = tokensOf(source);
  }

  read(): this {
    while (this.at < this.tokens.length) this.definition();
    return this;
  }

  private definition(): void {
    const { text, comment } = this.peek();
    if (text === 'syntax' || text === 'edition') {
      this.next();
      this.expect('=');
      this.syntax = unquoted(this.next().text);
      this.expect(';');
    } else if (text === 'package') {
      this.next();
      this.pkg = this.word();
      this.expect(';');
    } else if (text === 'message') this.message('', comment, 0);
    else if (text === 'enum') this.enumeration('', comment);
    else if (text === 'service') this.service(comment);
    else if (['import', 'option', 'extend', ';'].includes(text)) this.skip();
    else this.fail(`Expected a message, an enum or a service, and found “${text}”.`);
  }

  private message(scope: string, comment: string | undefined, depth: number): void {
    if (depth > deepest) this.fail(`Messages are nested more than ${deepest} deep.`);
    this.next();
    const message: Message = { name: scope + this.word(), comment, fields: [] };
    this.messages.push(message);
    this.expect('{');
    while (!this.accept('}')) this.member(message, undefined, depth);
  }

  private member(message: Message, oneof: string | undefined, depth: number): void {
    const { text, comment } = this.peek();
    const ahead = this.tokens[this.at + 1]?.text ?? '';
    const named = /^[A-Za-z_]/.test(ahead);
    if (text === ';') this.next();
    else if (text === 'message' && named && this.tokens[this.at + 2]?.text === '{') {
      this.message(`${message.name}.`, comment, depth + 1);
    } else if (text === 'enum' && named && this.tokens[this.at + 2]?.text === '{') {
      this.enumeration(`${message.name}.`, comment);
    } else if (text === 'oneof' && named && this.tokens[this.at + 2]?.text === '{') {
      this.next();
      const name = this.word();
      this.expect('{');
      while (!this.accept('}')) this.member(message, name, depth);
    } else if (['option', 'reserved', 'extensions', 'extend'].includes(text) && ahead !== '=') this.skip();
    else this.field(message, oneof, comment, depth);
  }

  private field(message: Message, oneof: string | undefined, comment: string | undefined, depth: number): void {
    const label = ['repeated', 'optional', 'required'].find((word) => this.accept(word));
    if (this.peek().text === 'group') {
      this.groupField(message, label, comment, depth);
      return;
    }
    let type = this.word();
    let mapKey: string | undefined;
    if (type === 'map' && this.accept('<')) {
      mapKey = this.word();
      this.expect(',');
      type = this.word();
      this.expect('>');
    }
    const name = this.word();
    this.expect('=');
    const number = this.next().text;
    const deprecated = this.options();
    this.expect(';');
    message.fields.push({ name, type, label, number, oneof, comment, deprecated, ...some('mapKey', mapKey) });
  }

  /** A field and the message in it at once, as in proto2. */
  private groupField(message: Message, label: string | undefined, comment: string | undefined, depth: number): void {
    this.next();
    const name = this.word();
    this.expect('=');
    const number = this.next().text;
    const deprecated = this.options();
    const inner: Message = { name: `${message.name}.${name}`, comment, fields: [] };
    this.messages.push(inner);
    this.expect('{');
    while (!this.accept('}')) this.member(inner, undefined, depth + 1);
    message.fields.push({ name, type: inner.name, label, number, oneof: undefined, comment, deprecated });
  }

  private enumeration(scope: string, comment: string | undefined): void {
    this.next();
    const found: Enum = { name: scope + this.word(), comment, values: [] };
    this.enums.push(found);
    this.expect('{');
    while (!this.accept('}')) {
      const { text, comment: about } = this.peek();
      if (this.accept(';')) continue;
      if ((text === 'option' || text === 'reserved') && this.tokens[this.at + 1]?.text !== '=') {
        this.skip();
        continue;
      }
      const name = this.word();
      this.expect('=');
      const number = this.next().text;
      this.options();
      this.expect(';');
      found.values.push({ name, number, comment: about });
    }
  }

  private service(comment: string | undefined): void {
    this.next();
    const service: Service = { name: this.word(), comment, methods: [] };
    this.services.push(service);
    this.expect('{');
    while (!this.accept('}')) {
      const { text, comment: about } = this.peek();
      if (text === 'rpc') service.methods.push(this.method(about));
      else if (text === 'option' || text === ';') this.skip();
      else this.fail(`Expected “rpc”, and found “${text}”.`);
    }
  }

  private method(comment: string | undefined): Method {
    this.next();
    const name = this.word();
    const [input, streamsIn] = this.methodType();
    this.expect('returns');
    const [output, streamsOut] = this.methodType();
    let deprecated = false;
    if (this.accept('{')) {
      while (!this.accept('}')) deprecated = this.skip().startsWith('option deprecated = true') || deprecated;
      this.accept(';');
    } else this.expect(';');
    return { name, comment, input, output, streamsIn, streamsOut, deprecated };
  }

  private methodType(): [type: string, streams: boolean] {
    this.expect('(');
    const first = this.word();
    const streams = first === 'stream' && this.peek().text !== ')';
    const type = streams ? this.word() : first;
    this.expect(')');
    return [type, streams];
  }

  /** Options of a field, in brackets. It returns whether they say that it is deprecated. */
  private options(): boolean {
    if (!this.accept('[')) return false;
    const words: string[] = [];
    let depth = 1;
    while (depth > 0) {
      const { text } = this.next();
      if (text === '[' || text === '{') depth++;
      if (text === ']' || text === '}') depth--;
      words.push(text);
    }
    return words.join(' ').includes('deprecated = true');
  }

  /** Passes over a statement, with the braces in it. */
  private skip(): string {
    const words: string[] = [];
    let depth = 0;
    for (;;) {
      const { text } = this.next();
      words.push(text);
      if (text === '{') depth++;
      if (text === '}') depth--;
      if (depth < 0) this.fail('There is a “}” too many.');
      if (depth === 0 && (text === ';' || (text === '}' && words[0] === 'extend'))) return words.join(' ');
    }
  }

  private peek(): Token {
    const token = this.tokens[this.at];
    if (token) return token;
    const last = this.tokens.at(-1);
    throw new DefinitionError('It ends in the middle of a definition.', last?.line, last?.column);
  }

  private next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  private accept(text: string): boolean {
    if (this.tokens[this.at]?.text !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) this.fail(`Expected “${text}”, and found “${this.peek().text}”.`);
  }

  private word(): string {
    const { text } = this.peek();
    if (!/^\.?[A-Za-z_]/.test(text)) this.fail(`Expected a name, and found “${text}”.`);
    return this.next().text;
  }

  private fail(message: string): never {
    const { line, column } = this.peek();
    throw new DefinitionError(message, line, column);
  }
}

function unquoted(text: string): string {
  return text.replace(/^["']|["']$/g, '');
}

export function readProto(source: string): ApiModel {
  const proto = new ProtoReader(source).read();
  if (proto.services.length + proto.messages.length + proto.enums.length === 0) {
    throw new DefinitionError('It has no service, no message and no enum.');
  }
  const known = new Set([...proto.messages, ...proto.enums].map(({ name }) => name));
  const refTo = (type: string, scope: string) => ({ $ref: `#/types/${resolveType(type, scope, proto.pkg, known)}` });
  const types = Object.fromEntries([
    ...proto.messages.map((message) => [message.name, messageSchema(message, refTo)]),
    ...proto.enums.map((found) => [found.name, { type: 'string', enum: found.values.map(({ name }) => name) }]),
  ]);
  const services = proto.services.map(
    (service): Group => ({
      name: service.name,
      ...some('description', service.comment),
      items: service.methods.map((method) => methodItem(service, method, refTo)),
    }),
  );
  const groups: Group[] = [
    ...services,
    { name: 'Messages', items: proto.messages.map((message) => typeItem('message', message)) },
    { name: 'Enums', items: proto.enums.map(enumItem) },
  ];
  return {
    ...some('title', proto.pkg || undefined),
    ...some('version', proto.syntax),
    servers: [],
    groups: groups.filter(({ items }) => items.length > 0),
    root: { types },
  };
}

type RefTo = (type: string, scope: string) => { $ref: string };

/** Looks for a type as the compiler does: in the message, then in those around it, then in the package. */
function resolveType(type: string, scope: string, pkg: string, known: ReadonlySet<string>): string {
  const absolute = type.replace(/^\./, '');
  const inPackage = pkg && absolute.startsWith(`${pkg}.`) ? absolute.slice(pkg.length + 1) : absolute;
  for (let around = scope; around; around = around.slice(0, Math.max(0, around.lastIndexOf('.')))) {
    if (known.has(`${around}.${inPackage}`)) return `${around}.${inPackage}`;
  }
  return known.has(inPackage) ? inPackage : absolute;
}

function messageSchema({ name, fields }: Message, refTo: RefTo) {
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map((field) => [
        field.name,
        {
          ...refTo(field.type, name),
          ...some('description', field.comment),
          ...(field.deprecated && { deprecated: true }),
          [writtenType]: writtenFieldType(field),
          [writtenRules]: [`field ${field.number}`, ...(field.oneof ? [`one of ${field.oneof}`] : [])],
        },
      ]),
    ),
    required: fields.filter(({ label }) => label === 'required').map((field) => field.name),
  };
}

function writtenFieldType({ type, label, mapKey }: ProtoField): string {
  if (mapKey) return `map<${mapKey}, ${type}>`;
  return label && label !== 'required' ? `${label} ${type}` : type;
}

function methodItem(service: Service, method: Method, refTo: RefTo): Item {
  return {
    id: `rpc ${service.name}.${method.name}`,
    badge: 'rpc',
    name: method.name,
    summary: `${method.streamsIn ? 'stream ' : ''}${method.input} → ${method.streamsOut ? 'stream ' : ''}${method.output}`,
    ...some('description', method.comment),
    ...(method.deprecated && { deprecated: true }),
    parts: [
      { title: 'Request', note: noteOf(method.input, method.streamsIn), schema: refTo(method.input, '') },
      { title: 'Response', note: noteOf(method.output, method.streamsOut), schema: refTo(method.output, '') },
    ],
  };
}

function noteOf(type: string, streams: boolean): string {
  return streams ? `${type}, as a stream` : type;
}

function typeItem(badge: string, { name, comment }: Message): Item {
  return {
    id: `${badge} ${name}`,
    badge,
    name,
    ...some('description', comment),
    parts: [{ title: 'Values', schema: { $ref: `#/types/${name}` } }],
  };
}

function enumItem({ name, comment, values }: Enum): Item {
  return {
    id: `enum ${name}`,
    badge: 'enum',
    name,
    ...some('description', comment),
    parts: [
      {
        title: 'Values',
        parameters: values.map((value) => ({
          name: value.name,
          ...some('description', value.comment),
          schema: { [writtenType]: value.number },
        })),
      },
    ],
  };
}
