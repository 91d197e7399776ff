import { isObject } from './is-object';

/**
 * Evaluates a condition of a template in the browser, `${{ parameters.kind === 'api' and not parameters.plain }}`;
 * undefined for one that uses more of the language than values, comparisons and logic, which only the server
 * has.
 */
export function holds(condition: unknown, parameters: Record<string, unknown>): boolean | undefined {
  if (typeof condition === 'boolean') return condition;
  const source = typeof condition === 'string' ? expressionPattern.exec(condition.trim())?.[1] : undefined;
  if (source === undefined) return undefined;
  try {
    const parser = new Parser(tokensOf(source), { parameters });
    const value = parser.either();
    return parser.isAtEnd() ? isTruthy(value) : undefined;
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

/** Truth as in the conditions of Backstage's steps: an empty list is false, too. */
function isTruthy(value: unknown): boolean {
  return Boolean(value) && !(Array.isArray(value) && value.length === 0);
}

const expressionPattern = /^\$\{\{((?:(?!\$\{\{|\}\}).)*)\}\}$/s;

/** The condition uses something that is not evaluated here. */
class Unknown extends Error {}

const tokenPattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d+(?:\.\d+)?)|([A-Za-z_$][\w$]*)|(===|!==|==|!=|<=|>=|[<>()[\],.]))/y;

interface Token {
  kind: 'text' | 'number' | 'name' | 'sign';
  text: string;
}

const kinds = ['text', 'number', 'name', 'sign'] as const;

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  const rest = source.trimEnd();
  let at = 0;
  while (at < rest.length) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(rest);
    if (!match) throw new Unknown();
    at = tokenPattern.lastIndex;
    const place = kinds.findIndex((_, index) => match[index + 1] !== undefined);
    tokens.push({ kind: kinds[place] ?? 'sign', text: match[place + 1] ?? '' });
  }
  return tokens;
}

const comparisons: Record<string, (a: unknown, b: unknown) => boolean> = {
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
  // biome-ignore lint/suspicious/noDoubleEquals: the language has it
  '==': (a, b) => a == b,
  // biome-ignore lint/suspicious/noDoubleEquals: the language has it
  '!=': (a, b) => a != b,
  '<': (a, b) => (a as number) < (b as number),
  '>': (a, b) => (a as number) > (b as number),
  '<=': (a, b) => (a as number) <= (b as number),
  '>=': (a, b) => (a as number) >= (b as number),
};

const constants: Record<string, unknown> = { true: true, false: false, none: null, null: null, undefined };

/** A parser that evaluates, because each source is read once for each change of the values. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #scope: Record<string, unknown>;
  #at = 0;

  constructor(tokens: readonly Token[], scope: Record<string, unknown>) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  either(): unknown {
    let value = this.#both();
    while (this.#skip('or')) {
      const other = this.#both();
      value = value || other;
    }
    return value;
  }

  #both(): unknown {
    let value = this.#not();
    while (this.#skip('and')) {
      const other = this.#not();
      value = value && other;
    }
    return value;
  }

  #not(): unknown {
    return this.#skip('not') ? !this.#not() : this.#comparison();
  }

  #comparison(): unknown {
    let value = this.#member();
    for (;;) {
      const operator = this.#tokens[this.#at]?.text ?? '';
      const negated = operator === 'not' && this.#tokens[this.#at + 1]?.text === 'in';
      if (negated || operator === 'in') {
        this.#at += negated ? 2 : 1;
        value = contains(this.#member(), value) !== negated;
      } else if (this.#tokens[this.#at]?.kind === 'sign' && Object.hasOwn(comparisons, operator)) {
        this.#at++;
        value = comparisons[operator]?.(value, this.#member());
      } else return value;
    }
  }

  #member(): unknown {
    let value = this.#primary();
    for (;;) {
      if (this.#skip('.')) value = memberOf(value, this.#take('name').text);
      else if (this.#skip('[')) {
        value = memberOf(value, this.either());
        this.#expect(']');
      } else return value;
    }
  }

  #primary(): unknown {
    if (this.#skip('(')) {
      const value = this.either();
      this.#expect(')');
      return value;
    }
    if (this.#skip('[')) return this.#list();
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'text') return unquoted(token.text);
    if (token?.kind === 'number') return Number(token.text);
    if (token?.kind !== 'name') throw new Unknown();
    if (Object.hasOwn(constants, token.text)) return constants[token.text];
    if (Object.hasOwn(this.#scope, token.text)) return this.#scope[token.text];
    throw new Unknown();
  }

  #list(): unknown[] {
    const items: unknown[] = [];
    while (!this.#skip(']')) {
      if (items.length > 0) this.#expect(',');
      items.push(this.either());
    }
    return items;
  }

  #skip(text: string): boolean {
    const token = this.#tokens[this.#at];
    const isNext = token?.text === text && token.kind !== 'text';
    if (isNext) this.#at++;
    return isNext;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw new Unknown();
  }

  #take(kind: Token['kind']): Token {
    const token = this.#tokens[this.#at++];
    if (token?.kind !== kind) throw new Unknown();
    return token;
  }
}

function memberOf(value: unknown, name: unknown): unknown {
  if (Array.isArray(value)) return name === 'length' ? value.length : value[Number(name)];
  return isObject(value) && Object.hasOwn(value, String(name)) ? value[String(name)] : undefined;
}

function contains(container: unknown, value: unknown): boolean {
  if (Array.isArray(container)) return container.includes(value);
  if (typeof container === 'string') return container.includes(String(value));
  return isObject(container) && Object.hasOwn(container, String(value));
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (_, escaped: string) => escapes[escaped] ?? escaped);
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
