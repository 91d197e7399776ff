import { expect, it } from 'vitest';
import { visible } from './visible';

it('shows control characters', () => {
  expect(visible('a\u001b[31mred\u0007\r\u009b2J\u007f')).toBe('a\\u001b[31mred\\u0007\\u000d\\u009b2J\\u007f');
  expect(visible('\u202egnp.exe\u2066\u200f')).toBe('\\u202egnp.exe\\u2066\\u200f');
});

it('keeps line ends, tabs and all other text', () => {
  expect(visible('Größe 🚀\n\tnext\r\nline')).toBe('Größe 🚀\n\tnext\nline');
});
