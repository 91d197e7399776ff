import { expect, it } from 'vitest';
import type { SearchResult } from '@/api/types';
import { excerptOf, piecesOf } from './highlight';

function result(title: string, marked?: string): SearchResult {
  const document = { title, text: '', location: '/' };
  return {
    type: 'techdocs',
    document,
    highlight: { preTag: '<u1>', postTag: '</u1>', fields: marked ? { title: marked } : {} },
  };
}

it('takes the marks of the server as one where only spaces are between them', () => {
  expect(piecesOf(result('A Go service', 'A <u1>Go</u1> <u1>service</u1>'), 'title')).toEqual([
    { text: 'A ', isMarked: false },
    { text: 'Go service', isMarked: true },
  ]);
});

it('shows a field without marks as it is, and text that looks like a tag as text', () => {
  expect(piecesOf(result('<b>Shop</b>'), 'title')).toEqual([{ text: '<b>Shop</b>', isMarked: false }]);
  expect(piecesOf(result('x', '<b><u1>Shop</u1></b>'), 'title').map(({ text }) => text)).toEqual([
    '<b>',
    'Shop',
    '</b>',
  ]);
});

it('cuts a long text around its first mark', () => {
  const pieces = piecesOf(result('x', `${'a '.repeat(200)}<u1>crane</u1> ${'b '.repeat(200)}`), 'title');
  const text = excerptOf(pieces, 100)
    .map((piece) => piece.text)
    .join('');
  expect(text).toMatch(/^… (a )+crane (b )+…$/);
  expect(text.length).toBeLessThan(110);
});
