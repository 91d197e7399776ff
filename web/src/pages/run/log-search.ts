import type { LogLine } from '@/run/log';

/** The indexes of the lines that contain the term, ignoring case. */
export function matchingLines(lines: readonly LogLine[], term: string): number[] {
  const needle = term.trim().toLowerCase();
  if (!needle) return [];
  const found: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.text.toLowerCase().includes(needle)) found.push(index);
  }
  return found;
}

/** The first and last line, from 1, that an address such as `12` or `20-12` selects. */
export function readLines(text: string | undefined): { first: number; last: number } | undefined {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text ?? '');
  if (!match) return undefined;
  const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { first: Math.min(a, b), last: Math.max(a, b) };
}

/** Cuts a text at each place where the term is; every second piece, from the second on, is such a place. */
export function cutAt(text: string, term: string): string[] {
  const needle = term.trim().toLowerCase();
  if (!needle) return [text];
  const pieces: string[] = [];
  const hay = text.toLowerCase();
  // Lower-casing changes the length of a few letters; then the places cannot be told and the text stays whole.
  if (hay.length !== text.length) return [text];
  let from = 0;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + needle.length));
    from = at + needle.length;
  }
  return [...pieces, text.slice(from)];
}
