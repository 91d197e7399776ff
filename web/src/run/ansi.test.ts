import { describe, expect, it } from 'vitest';
import { parseAnsi, stripAnsi } from './ansi';

const esc = '\u001b';

describe('parseAnsi', () => {
  it.each([
    ['plain text', [{ text: 'plain text' }]],
    ['', []],
    [`${esc}[32minfo${esc}[39m: hello`, [{ text: 'info', colour: 'green' }, { text: ': hello' }]],
    [`${esc}[1;91mloud${esc}[0m quiet`, [{ text: 'loud', bold: true, colour: 'red' }, { text: ' quiet' }]],
    [`${esc}[1mbold${esc}[22m not`, [{ text: 'bold', bold: true }, { text: ' not' }]],
    [`a${esc}[2Kb${esc}]0;title\u0007c`, [{ text: 'a' }, { text: 'b' }, { text: 'c' }]],
    [`${esc}[38;5;200mx`, [{ text: 'x' }]],
  ])('reads %j', (line, spans) => {
    expect(parseAnsi(line)).toEqual(spans);
  });
});

describe('stripAnsi', () => {
  it('keeps the readable text', () => {
    expect(stripAnsi(`${esc}[32minfo${esc}[39m: ${esc}]8;;https://x.test${esc}\\link`)).toBe('info: link');
  });
});
