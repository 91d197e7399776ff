/** A candidate of a search. */
export interface Candidate<Target> {
  target: Target;
  title: string;
  /** Other searched texts, the most important first. */
  others: readonly Text[];
}

export interface Text {
  field: string;
  text: string;
}

/** A result of a search. */
export interface Hit<Target> {
  target: Target;
  title: string;
  /** Where the term was found, when it is not in the title. */
  because: Text | undefined;
}

/**
 * Candidates that contain the term, the best first: those whose title is the term, begins with it, has a word
 * that begins with it, or contains it; then those with the term in another text. The sort is stable.
 */
export function rank<Target>(term: string, candidates: readonly Candidate<Target>[]): Hit<Target>[] {
  return candidates
    .flatMap((candidate) => {
      const found = look(term, candidate);
      return found ? [{ ...found, candidate }] : [];
    })
    .sort((a, b) => a.grade - b.grade)
    .map(({ candidate: { target, title }, because }) => ({ target, title, because }));
}

function look(term: string, { title, others }: Candidate<unknown>) {
  const inTitle = gradeOf(title, term);
  if (inTitle !== undefined) return { grade: inTitle, because: undefined };
  for (const [index, because] of others.entries()) {
    const grade = gradeOf(because.text, term);
    if (grade !== undefined) return { grade: grades * (index + 1) + grade, because };
  }
  return undefined;
}

/** Whether a text has the term in it. */
export function contains(text: string, term: string): boolean {
  return gradeOf(text, term) !== undefined;
}

const grades = 4;

/**
 * How well a text matches a term: from 0, which is best, to less than `grades`. Undefined without a match.
 */
function gradeOf(text: string, term: string): number | undefined {
  const [hay, needle] = [text.toLowerCase(), term.toLowerCase()];
  if (hay === needle) return 0;
  if (hay.startsWith(needle)) return 1;
  const at = hay.indexOf(needle);
  if (at < 0) return undefined;
  return beginsWord(hay, needle) ? 2 : 3;
}

function beginsWord(hay: string, needle: string): boolean {
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(hay.charAt(at - 1))) return true;
  }
  return false;
}

const around = 40;

/** A piece of a long text with the term in it. */
export function excerpt(text: string, term: string): string {
  const at = text.toLowerCase().indexOf(term.toLowerCase());
  if (at < 0 || text.length <= 2 * around) return text;
  const from = Math.max(0, at - around);
  const to = Math.min(text.length, at + term.length + around);
  return `${from > 0 ? '… ' : ''}${text.slice(from, to).trim()}${to < text.length ? ' …' : ''}`;
}
