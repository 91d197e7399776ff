/** A part of a text with one style. */
export interface Span {
  text: string;
  /** One of the eight terminal colours. */
  colour?: Colour;
  bold?: boolean;
}

const colours = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
export type Colour = (typeof colours)[number];

// Control sequences, and the strings that terminals hide: titles, links.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape characters are what it looks for
const escapes = /\u001b(?:\[([0-9;?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** The text without any terminal escapes. */
export function stripAnsi(text: string): string {
  return text.replace(escapes, '');
}

/**
 * Splits a line at its colour changes. Only the eight colours and bold are kept; other escapes are dropped.
 */
export function parseAnsi(line: string): Span[] {
  const spans: Span[] = [];
  let style: Omit<Span, 'text'> = {};
  let at = 0;
  const push = (text: string) => {
    if (text) spans.push({ ...style, text });
  };
  for (const match of line.matchAll(escapes)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') style = applyCodes(style, match[1] ?? '');
  }
  push(line.slice(at));
  return spans;
}

function applyCodes(style: Omit<Span, 'text'>, codes: string): Omit<Span, 'text'> {
  let next = { ...style };
  for (const code of codes.split(';').map(Number)) {
    const colour = colours[code >= 90 ? code - 90 : code - 30];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 22) delete next.bold;
    else if (code === 39) delete next.colour;
    else if (colour && (code < 38 || code >= 90)) next.colour = colour;
  }
  return next;
}
