import type { DocsIndex } from '@/api/types';

/** A section that has all words of a search. */
export interface Section {
  location: string;
  title: string;
  /** The text around the first word that was found. */
  excerpt: string;
}

const mostFound = 20;
const around = 60;

/**
 * The sections of a site that have all words, as a whole or as a beginning or part of one: those with the words in the title
 * first, then whole pages before their sections, then as in the site.
 */
export function findSections({ docs }: DocsIndex, text: string): Section[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return docs
    .map(({ location, title = '', text = '' }) => ({ location, title, text }))
    .flatMap((doc, index) => {
      const score = scoreOf(doc, words);
      return score === undefined ? [] : [{ doc, score, index }];
    })
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, mostFound)
    .map(({ doc }) => ({
      location: doc.location,
      title: plain(doc.title),
      excerpt: excerptOf(plain(doc.text), words),
    }));
}

function scoreOf({ title, text }: Record<'title' | 'text', string>, words: readonly string[]): number | undefined {
  const [inTitle, inText] = [title.toLowerCase(), text.toLowerCase()];
  if (inTitle === words.join(' ')) return 100 * words.length;
  let score = 0;
  for (const word of words) {
    const at = inTitle.indexOf(word);
    if (at >= 0) score += at === 0 || /\W/.test(inTitle.charAt(at - 1)) ? 20 : 10;
    else if (inText.includes(word)) score += 1;
    else return undefined;
  }
  return score;
}

function excerptOf(text: string, words: readonly string[]): string {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const at = places.length > 0 ? Math.min(...places) : 0;
  const from = Math.max(0, at - around / 2);
  const to = Math.min(text.length, at + 2 * around);
  return `${from > 0 ? '… ' : ''}${text.slice(from, to).trim()}${to < text.length ? ' …' : ''}`;
}

/** Without the tags and marks of headings, which are in the index of some themes. */
function plain(text: string): string {
  return text
    .replace(/<[^>]*>/g, ' ')
    .replace(/&para;|¶/g, '')
    .replace(/&amp;/g, '&')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/\s+/g, ' ')
    .trim();
}
