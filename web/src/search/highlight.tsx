import type { SearchResult } from '@/api/types';

/** A piece of a text; every marked one is what was searched. */
export interface Piece {
  text: string;
  isMarked: boolean;
}

/**
 * The pieces of a field of a result, as the server has marked them. Marks with nothing but spaces between them are one.
 */
export function piecesOf(result: SearchResult, field: 'title' | 'text'): Piece[] {
  const plain = result.document[field] ?? '';
  const { preTag, postTag, fields = {} } = result.highlight ?? {};
  const marked = fields[field];
  if (!marked || !preTag || !postTag) return plain ? [{ text: plain, isMarked: false }] : [];
  const pieces: Piece[] = [];
  const add = (text: string, isMarked: boolean) => {
    const last = pieces.at(-1);
    if (text === '') return;
    if (last?.isMarked === isMarked) last.text += text;
    else pieces.push({ text, isMarked });
  };
  for (const part of marked.split(preTag)) {
    const end = part.indexOf(postTag);
    if (end < 0) {
      add(part, false);
      continue;
    }
    add(part.slice(0, end), true);
    add(part.slice(end + postTag.length), false);
  }
  return joined(pieces);
}

function joined(pieces: readonly Piece[]): Piece[] {
  const all: Piece[] = [];
  for (const [index, piece] of pieces.entries()) {
    const isBetween = !piece.isMarked && piece.text.trim() === '' && index > 0 && index < pieces.length - 1;
    const last = all.at(-1);
    if (last && (isBetween || last.isMarked === piece.isMarked)) last.text += piece.text;
    else all.push({ ...piece });
  }
  return all;
}

const around = 60;

/** The pieces of a long text around its first mark, or its beginning. */
export function excerptOf(pieces: readonly Piece[], length = 160): Piece[] {
  const first = pieces.findIndex(({ isMarked }) => isMarked);
  const from = Math.max(0, first);
  const all: Piece[] = [];
  let left = length;
  const before = pieces[from - 1];
  if (first > 0 && before) {
    const isLong = before.text.length > around || from > 1;
    // From the beginning of a word.
    const text = isLong ? `… ${before.text.slice(-around).replace(/^\S*\s/, '')}` : before.text;
    all.push({ text, isMarked: false });
    left -= Math.min(around, before.text.length);
  }
  for (const piece of pieces.slice(from)) {
    if (left <= 0) break;
    all.push(piece.text.length > left ? { ...piece, text: `${piece.text.slice(0, left).trimEnd()} …` } : piece);
    left -= piece.text.length;
  }
  return all;
}

export function Pieces({ pieces }: { pieces: readonly Piece[] }) {
  return pieces.map(({ text, isMarked }, index) =>
    isMarked ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a text have no other identity
      <mark key={index} className="text-ink">
        {text}
      </mark>
    ) : (
      text
    ),
  );
}
