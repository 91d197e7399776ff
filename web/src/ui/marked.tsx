interface MarkedProps {
  text: string;
  term: string;
}

/** A text with all occurrences of the term highlighted. */
export function Marked({ text, term }: MarkedProps) {
  return cutAt(text, term).map((piece, index) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a text have no other identity
    index % 2 === 1 ? <mark key={index}>{piece}</mark> : piece,
  );
}

/** Splits a text at each occurrence of the term; every second piece, from the second on, is an occurrence. */
export function cutAt(text: string, term: string): string[] {
  const needle = term.trim().toLowerCase();
  if (!needle) return [text];
  const pieces: string[] = [];
  const hay = text.toLowerCase();
  // Lower-casing changes the length of a few letters; then the positions are unknown and the text is not
  // split.
  if (hay.length !== text.length) return [text];
  let from = 0;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + needle.length));
    from = at + needle.length;
  }
  return [...pieces, text.slice(from)];
}
