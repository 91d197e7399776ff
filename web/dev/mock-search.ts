import { readFileSync } from 'node:fs';
import type { Entity, SearchResult, SearchResults } from '../src/api/types';
import { allEntities } from './mock-catalog.ts';

const index = new URL('../e2e/docs/fixtures/mkdocs/search/search_index.json', import.meta.url);

/** What the development server finds: entities and the sections of its documentation that have the term. */
export function searchMock(query: URLSearchParams): SearchResults {
  const term = query.get('term') ?? '';
  const types = [...query].filter(([key]) => key.startsWith('types')).map(([, value]) => value);
  const limit = Number(query.get('pageLimit') ?? 25);
  const all = [...allEntities.map(ofEntity), ...sections()].filter(
    ({ type, document }) =>
      (types.length === 0 || types.includes(type)) &&
      `${document.title} ${document.text}`.toLowerCase().includes(term.toLowerCase()),
  );
  const page = Number(atob(query.get('pageCursor') ?? '') || 0);
  return {
    numberOfResults: all.length,
    results: all.slice(page * limit, (page + 1) * limit).map((result) => marked(result, term)),
    ...((page + 1) * limit < all.length && { nextPageCursor: btoa(String(page + 1)) }),
    ...(page > 0 && { previousPageCursor: btoa(String(page - 1)) }),
  };
}

function ofEntity({ kind, metadata, spec }: Entity): SearchResult {
  const namespace = metadata.namespace ?? 'default';
  return {
    type: 'software-catalog',
    document: {
      title: metadata.title ?? metadata.name,
      text: metadata.description ?? '',
      location: `/catalog/${namespace}/${kind}/${metadata.name}`.toLowerCase(),
      kind,
      namespace,
      componentType: String(spec?.type ?? 'other'),
      lifecycle: String(spec?.lifecycle ?? ''),
    },
  };
}

function sections(): SearchResult[] {
  const { docs } = JSON.parse(readFileSync(index, 'utf8')) as {
    docs: { title: string; text: string; location: string }[];
  };
  return docs.map(({ title, text, location }) => ({
    type: 'techdocs',
    document: { title, text, location: `/docs/default/component/harbour/${location}`, path: location, name: 'harbour' },
  }));
}

function marked(result: SearchResult, term: string): SearchResult {
  if (term === '') return result;
  const mark = (text: string) => text.replace(new RegExp(term.replace(/[^\w\s]/g, '.'), 'gi'), '<m>$&</m>');
  const { title, text } = result.document;
  return { ...result, highlight: { preTag: '<m>', postTag: '</m>', fields: { title: mark(title), text: mark(text) } } };
}
