import { expect, it } from 'vitest';
import { findSections } from './find';

const index = {
  docs: [
    { location: '', title: 'Harbour', text: 'Parcels come in by ship. The crane lifts them.' },
    { location: '#crane', title: 'Crane', text: 'It lifts &amp; turns.' },
    { location: 'crane-rules/', title: 'Rules of the crane', text: 'Never two on <b>one</b> rail.' },
  ],
};

it('shows sections with the words in the title first', () => {
  expect(findSections(index, 'crane').map(({ location }) => location)).toEqual(['#crane', 'crane-rules/', '']);
});

it('finds sections that have all words, also parts of them', () => {
  expect(findSections(index, 'cra lif').map(({ location }) => location)).toEqual(['#crane', '']);
  expect(findSections(index, 'crane submarine')).toEqual([]);
  expect(findSections(index, '  ')).toEqual([]);
});

it('shows text without tags and entities', () => {
  expect(findSections(index, 'turns')[0]?.excerpt).toBe('It lifts & turns.');
  expect(findSections(index, 'rail')[0]?.excerpt).toBe('Never two on one rail.');
});

it('reads an index in which texts are missing', () => {
  const docs = [{ location: '#a', title: 'Crane' }, { location: '#b', text: 'The crane' }, { location: '#c' }];
  expect(findSections({ docs }, 'crane').map(({ location }) => location)).toEqual(['#a', '#b']);
});
