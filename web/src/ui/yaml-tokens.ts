export type TokenKind = 'key' | 'comment' | 'literal' | 'text' | 'mark';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Where in the line it starts. */
  at: number;
}

const linePattern = /^(\s*(?:- )*)("[^"]*"|'[^']*'|[^\s#:'"[{][^:#]*?|[^\s#:'"[{][^\s]*?)(:)(?=\s|$)/;
const literalPattern = /^(?:-?\d[\d_.eE+-]*|true|false|null|~|[|>][+-]?)$/;

/**
 * Colours one line of YAML by its syntax. It does not validate: what it does not recognize stays plain text.
 */
export function highlight(line: string): Token[] {
  const tokens: Token[] = [];
  const push = (kind: TokenKind, text: string) => {
    const last = tokens.at(-1);
    if (text) tokens.push({ kind, text, at: last ? last.at + last.text.length : 0 });
  };
  const match = linePattern.exec(line);
  if (!match) {
    const indent = /^\s*(?:- )*/.exec(line)?.[0] ?? '';
    push('mark', indent);
    pushValue(line.slice(indent.length), push);
    return tokens;
  }
  const [whole, indent = '', key = '', colon = ''] = match;
  push('mark', indent);
  push('key', key);
  push('mark', colon);
  pushValue(line.slice(whole.length), push);
  return tokens;
}

function pushValue(value: string, push: (kind: TokenKind, text: string) => void): void {
  const comment = value.search(/(^|\s)#/);
  const body = comment >= 0 ? value.slice(0, comment) : value;
  push(literalPattern.test(body.trim()) ? 'literal' : 'text', body);
  if (comment >= 0) push('comment', value.slice(comment));
}
