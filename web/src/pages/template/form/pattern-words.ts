import { type Characters, type PatternNode, readPattern } from './patterns';

/**
 * Explains in words why a text does not match a pattern: an invalid character, a wrong beginning or end, a
 * wrong length. This works only for patterns of the whole text (`^…$`). Undefined when none of these is
 * wrong, or when there are no words for the characters.
 */
export function patternProblem(pattern: string, text: string): string | undefined {
  const node = wholeText(pattern);
  if (!node || text === '') return undefined;
  const shape = shapeOf(node);
  const characters = [...text];
  const stranger = characters.find((character) => !contains(shape.all, character));
  if (stranger !== undefined) return strangerWords(shape.all, stranger);
  if (!contains(shape.first, characters[0])) return namedWords('begin', shape.first);
  if (!contains(shape.last, characters.at(-1))) return namedWords('end', shape.last);
  return lengthWords(shape, characters.length);
}

/** The tree of a pattern that is anchored at both ends; undefined for any other. */
function wholeText(pattern: string): PatternNode | undefined {
  if (!/^\^.*[^\\]\$$/s.test(pattern)) return undefined;
  const node = readPattern(pattern.slice(1, -1));
  // In ^a|b$ each anchor belongs to one alternative only.
  return node?.kind === 'choice' ? undefined : node;
}

/** The properties of every matching text. */
interface Shape {
  /** The characters that are allowed anywhere, at the beginning, and at the end. */
  all: Characters;
  first: Characters;
  last: Characters;
  least: number;
  most: number;
}

const nothing: Shape = { all: [], first: [], last: [], least: 0, most: 0 };

function shapeOf(node: PatternNode): Shape {
  switch (node.kind) {
    case 'characters':
      return { all: node.of, first: node.of, last: node.of, least: 1, most: 1 };
    case 'loop': {
      const body = shapeOf(node.body);
      return { ...body, least: body.least * node.least, most: body.most === 0 ? 0 : body.most * node.most };
    }
    case 'choice':
      return node.parts.map(shapeOf).reduce(either);
    case 'sequence':
      return node.parts.map(shapeOf).reduce(after, nothing);
  }
}

function either(one: Shape, other: Shape): Shape {
  return {
    all: [...one.all, ...other.all],
    first: [...one.first, ...other.first],
    last: [...one.last, ...other.last],
    least: Math.min(one.least, other.least),
    most: Math.max(one.most, other.most),
  };
}

function after(before: Shape, next: Shape): Shape {
  return {
    all: [...before.all, ...next.all],
    first: before.least === 0 ? [...before.first, ...next.first] : before.first,
    last: next.least === 0 ? [...before.last, ...next.last] : next.last,
    least: before.least + next.least,
    most: before.most + next.most,
  };
}

function contains(characters: Characters, character: string | undefined): boolean {
  const point = character?.codePointAt(0) ?? -1;
  return characters.some(([from, to]) => from <= point && point <= to);
}

/** Named sets of characters, the larger sets first. */
const names: { of: string; one: string; many: string }[] = [
  { of: 'azAZ', one: 'a letter', many: 'letters' },
  { of: 'az', one: 'a lowercase letter', many: 'lowercase letters' },
  { of: 'AZ', one: 'an uppercase letter', many: 'uppercase letters' },
  { of: '09', one: 'a digit', many: 'digits' },
  { of: '--', one: 'a dash', many: 'dashes' },
  { of: '__', one: 'an underscore', many: 'underscores' },
  { of: '..', one: 'a dot', many: 'dots' },
  { of: '//', one: 'a slash', many: 'slashes' },
  { of: '::', one: 'a colon', many: 'colons' },
  { of: '  ', one: 'a space', many: 'spaces' },
];

const mostQuoted = 6;

/** The names of all the characters; undefined when some have none. */
function nameEach(characters: Characters, count: 'one' | 'many'): string[] | undefined {
  const left = new Set<string>();
  for (const [from, to] of characters) {
    // Beyond these are letters of other scripts, for which there are no short words.
    if (to > 0x7e || from < 0x20) return undefined;
    for (let point = from; point <= to; point++) left.add(String.fromCodePoint(point));
  }
  const words: string[] = [];
  for (const { of, [count]: word } of names) {
    const members = membersOf(of);
    if (!members.every((character) => left.has(character))) continue;
    words.push(word);
    for (const character of members) left.delete(character);
  }
  return left.size > mostQuoted ? undefined : [...words, ...[...left].map((character) => `“${character}”`)];
}

/** The characters of ranges that are written as pairs: `azAZ`. */
function membersOf(pairs: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    for (let point = pairs.charCodeAt(at); point <= pairs.charCodeAt(at + 1); point++)
      found.push(String.fromCharCode(point));
  }
  return found;
}

const and = new Intl.ListFormat('en-GB', { type: 'conjunction' });
const or = new Intl.ListFormat('en-GB', { type: 'disjunction' });

function strangerWords(allowed: Characters, stranger: string): string | undefined {
  const words = nameEach(allowed, 'many');
  if (!words || words.length === 0) return undefined;
  return `Must have only ${and.format(words)}, and no ${stranger === ' ' ? 'spaces' : `“${stranger}”`}.`;
}

function namedWords(verb: 'begin' | 'end', allowed: Characters): string | undefined {
  const words = nameEach(allowed, 'one');
  return words && words.length > 0 ? `Must ${verb} with ${or.format(words)}.` : undefined;
}

function lengthWords({ least, most }: Shape, length: number): string | undefined {
  if (length >= least && length <= most) return undefined;
  if (least === most) return `Must have exactly ${least} characters.`;
  return length < least ? `Must have at least ${least} characters.` : `Must have at most ${most} characters.`;
}
