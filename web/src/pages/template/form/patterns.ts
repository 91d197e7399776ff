/**
 * Decides which patterns the page may evaluate. Browsers match by backtracking, and overlapping loops take
 * time that doubles with each character, so the page would hang. Such a pattern is left to the server, whose
 * time is linear.
 */

/** The server validates longer texts. Up to this length, a safe pattern takes no noticeable time. */
export const longestTried = 500;

/** The maximum number of consecutive loops that are ambiguous at some character. */
const mostLoops = 3;

const verdicts = new Map<string, boolean>();

/**
 * Whether a pattern is fast on every text up to the maximum length. Within a loop, every character must
 * determine its position in the pattern, so that there is one way to match a text.
 */
export function isSafePattern(pattern: string): boolean {
  let safe = verdicts.get(pattern);
  if (safe === undefined) {
    safe = evaluate(pattern);
    verdicts.set(pattern, safe);
  }
  return safe;
}

function evaluate(pattern: string): boolean {
  const node = readPattern(pattern);
  if (!node) return false;
  if (isUnambiguous(node)) return true;
  const loops = outermostLoops(node);
  const starts = pattern.startsWith('^') ? 0 : 1;
  return loops.length + starts <= mostLoops && loops.every(isUnambiguous);
}

/** Ranges of code points, each with its first and last. */
export type Characters = readonly (readonly [number, number])[];

/** A pattern as a tree. A loop is what may come more than once: `least` to `most` times. */
export type PatternNode =
  | { kind: 'characters'; of: Characters }
  | { kind: 'sequence' | 'choice'; parts: PatternNode[] }
  | { kind: 'loop'; body: PatternNode; least: number; most: number };

/** Parses a pattern without its anchors; undefined for unsupported syntax. */
export function readPattern(pattern: string): PatternNode | undefined {
  return new Reader(pattern).read();
}

function outermostLoops(node: PatternNode): PatternNode[] {
  if (node.kind === 'loop') return [node];
  return node.kind === 'characters' ? [] : node.parts.flatMap(outermostLoops);
}

/** The positions of a pattern where a text may begin and end, and which may follow each other. */
interface Places {
  first: Characters[];
  last: Characters[];
  empty: boolean;
}

/**
 * Whether no two places that may come next have a character in common, and one leads to the next in one way only: in
 * (a+)+ an a may follow an a in the same round or in the next. (Such a pattern is strongly one-unambiguous, in the words of
 * Brüggemann-Klein and Wood.)
 */
function isUnambiguous(node: PatternNode): boolean {
  const next = new Map<Characters, Characters[]>();
  let oneWay = true;
  const follow = (last: Characters[], first: Characters[]) => {
    for (const place of last) {
      const known = next.get(place) ?? [];
      if (first.some((each) => known.includes(each))) oneWay = false;
      next.set(place, [...known, ...first]);
    }
  };
  const walk = (at: PatternNode): Places => {
    if (at.kind === 'characters') return { first: [at.of], last: [at.of], empty: false };
    if (at.kind === 'loop') {
      const body = walk(at.body);
      follow(body.last, body.first);
      return { ...body, empty: body.empty || at.least === 0 };
    }
    const parts = at.parts.map(walk);
    if (at.kind === 'choice') {
      return {
        first: parts.flatMap((part) => part.first),
        last: parts.flatMap((part) => part.last),
        empty: parts.some((part) => part.empty),
      };
    }
    return parts.reduce(
      (before, part) => {
        follow(before.last, part.first);
        return {
          first: before.empty ? [...before.first, ...part.first] : before.first,
          last: part.empty ? [...before.last, ...part.last] : part.last,
          empty: before.empty && part.empty,
        };
      },
      { first: [], last: [], empty: true },
    );
  };
  const { first } = walk(node);
  return oneWay && areApart(first) && [...next.values()].every(areApart);
}

function areApart(places: readonly Characters[]): boolean {
  return places.every((place, index) => places.slice(index + 1).every((other) => !overlap(place, other)));
}

function overlap(a: Characters, b: Characters): boolean {
  return a.some(([from, to]) => b.some(([otherFrom, otherTo]) => from <= otherTo && otherFrom <= to));
}

const lastCodePoint = 0x10ffff;
const anything: Characters = [[0, lastCodePoint]];
const digits: Characters = [[0x30, 0x39]];
const word: Characters = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const space: Characters = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];

function allBut(characters: Characters): Characters {
  const rest: [number, number][] = [];
  let from = 0;
  for (const [start, end] of [...characters].sort((a, b) => a[0] - b[0])) {
    if (start > from) rest.push([from, start - 1]);
    from = Math.max(from, end + 1);
  }
  if (from <= lastCodePoint) rest.push([from, lastCodePoint]);
  return rest;
}

const classes: Record<string, Characters> = {
  d: digits,
  D: allBut(digits),
  w: word,
  W: allBut(word),
  s: space,
  S: allBut(space),
};

const controls: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/** Thrown for unsupported syntax: a pattern with it is not safe. */
class NotUnderstood extends Error {}

/** Parses a pattern like JavaScript with the flag u, except for assertions and back references. */
class Reader {
  readonly #text: string[];
  #at = 0;

  constructor(pattern: string) {
    this.#text = [...pattern];
  }

  read(): PatternNode | undefined {
    try {
      const node = this.#choice();
      return this.#at < this.#text.length ? undefined : node;
    } catch (error) {
      if (error instanceof NotUnderstood) return undefined;
      throw error;
    }
  }

  #eat(text: string): boolean {
    if (
      !this.#text
        .slice(this.#at, this.#at + text.length)
        .join('')
        .startsWith(text)
    )
      return false;
    this.#at += text.length;
    return true;
  }

  #next(): string {
    const character = this.#text[this.#at++];
    if (character === undefined) throw new NotUnderstood();
    return character;
  }

  #choice(): PatternNode {
    const parts = [this.#sequence()];
    while (this.#eat('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      if (this.#eat('^') || this.#eat('$') || this.#eat('\\b') || this.#eat('\\B')) continue;
      parts.push(...this.#repeated(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #atom(): PatternNode {
    if (this.#eat('(')) {
      if (this.#eat('?') && !this.#eat(':')) {
        if (!this.#eat('<') || this.#text[this.#at] === '=' || this.#text[this.#at] === '!') throw new NotUnderstood();
        while (this.#next() !== '>');
      }
      const inner = this.#choice();
      if (this.#next() !== ')') throw new NotUnderstood();
      return inner;
    }
    if (this.#eat('[')) return { kind: 'characters', of: this.#class() };
    const character = this.#next();
    if (character === '\\') return { kind: 'characters', of: this.#escape() };
    if (character === '.') return { kind: 'characters', of: [...anything] };
    if ('*+?{}]'.includes(character)) throw new NotUnderstood();
    return { kind: 'characters', of: one(character) };
  }

  /** Applies a quantifier to a node: the node itself, a sequence of it, or a loop. */
  #repeated(node: PatternNode): PatternNode[] {
    const count = this.#count();
    if (!count) return [node];
    this.#eat('?');
    const [least, most] = count;
    if (most === 0) return [];
    if (most === 1) return least === 1 ? [node] : [{ kind: 'choice', parts: [node, { kind: 'sequence', parts: [] }] }];
    return [{ kind: 'loop', body: node, least, most }];
  }

  #count(): [number, number] | undefined {
    if (this.#eat('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#eat('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#eat('?')) return [0, 1];
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at, this.#at + 24).join(''));
    if (!counted) return undefined;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    if (counted[2] === undefined) return [least, least];
    return [least, counted[3] ? Number(counted[3]) : Number.POSITIVE_INFINITY];
  }

  #class(): Characters {
    const negative = this.#eat('^');
    const found: (readonly [number, number])[] = [];
    while (!this.#eat(']')) {
      const from = this.#member();
      if (from.length === 1 && from[0]?.[0] === from[0]?.[1] && this.#text[this.#at + 1] !== ']' && this.#eat('-')) {
        found.push([from[0]?.[0] ?? 0, this.#member()[0]?.[1] ?? lastCodePoint]);
      } else found.push(...from);
    }
    return negative ? allBut(found) : found;
  }

  #member(): Characters {
    const character = this.#next();
    return character === '\\' ? this.#escape() : one(character);
  }

  #escape(): Characters {
    const character = this.#next();
    const known = classes[character];
    if (known) return [...known];
    if (/[1-9k]/.test(character)) throw new NotUnderstood();
    const control = controls[character];
    if (control !== undefined) return [[control, control]];
    if (character === 'x' || character === 'u') return this.#code(character);
    if (character === 'p' || character === 'P' || character === 'c') {
      if (character === 'c') this.#next();
      else if (this.#eat('{')) while (this.#next() !== '}');
      return [...anything];
    }
    return one(character === 'b' ? '\b' : character);
  }

  #code(kind: 'x' | 'u'): Characters {
    const rest = this.#text.slice(this.#at, this.#at + 10).join('');
    const code = (kind === 'x' ? /^([\da-f]{2})/i : /^(?:\{([\da-f]+)\}|([\da-f]{4}))/i).exec(rest);
    if (!code) throw new NotUnderstood();
    this.#at += code[0].length;
    const point = Number.parseInt(code[1] ?? code[2] ?? '', 16);
    return [[point, point]];
  }
}

function one(character: string): Characters {
  const point = character.codePointAt(0) ?? 0;
  return [[point, point]];
}
