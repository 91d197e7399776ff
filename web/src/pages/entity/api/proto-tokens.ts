import { DefinitionError } from './model';

export interface Token {
  text: string;
  line: number;
  column: number;
  /** The comment right before it. */
  comment: string | undefined;
}

const pattern =
  /(?<space>\s+)|(?<line>\/\/[^\n]*)|(?<block>\/\*[\s\S]*?\*\/)|(?<word>\.?[A-Za-z_][\w.]*)|(?<number>[-+]?(?:0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))|(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<mark>[{}()[\]<>;,=:/.-])/y;

/** Splits the source of Protocol Buffers into words, numbers, texts and marks, each with the comment before it. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  const find = new RegExp(pattern);
  let line = 1;
  let lineStart = 0;
  let comments: string[] = [];
  while (find.lastIndex < source.length) {
    const from = find.lastIndex;
    const column = from - lineStart + 1;
    const match = find.exec(source);
    if (!match) throw new DefinitionError(`There is no meaning to ${JSON.stringify(source[from])} here.`, line, column);
    const [text] = match;
    const { space, line: lineComment, block } = match.groups ?? {};
    if (lineComment !== undefined || block !== undefined) comments.push(commentText(text));
    // An empty line ends what a comment is about.
    else if (space !== undefined && /\n\s*\n/.test(space)) comments = [];
    else if (space === undefined) {
      tokens.push({ text, line, column, comment: comments.join('\n').trim() || undefined });
      comments = [];
    }
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      line++;
      lineStart = from + at + 1;
    }
  }
  return tokens;
}

function commentText(comment: string): string {
  if (comment.startsWith('//')) return comment.replace(/^\/\/+ ?/, '').trimEnd();
  return comment
    .slice(2, -2)
    .split('\n')
    .map((line) => line.replace(/^\s*\*+ ?/, '').trimEnd())
    .join('\n')
    .trim();
}
