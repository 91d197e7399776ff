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

/** The first and last line, from 1, that a parameter such as `12` or `20-12` selects. */
export function readLines(text: string | undefined): { first: number; last: number } | undefined {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text ?? '');
  if (!match) return undefined;
  const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { first: Math.min(a, b), last: Math.max(a, b) };
}
