import { readFileSync } from 'node:fs';
import type { Entity, SearchAnswer, SearchResult } from '../src/api/types';
import { allEntities } from './mock-catalog.ts';

const index = new URL('../e2e/docs/fixtures/mkdocs/search/search_index.json', import.meta.url);

/** What the development server finds: entities and the sections of its documentation that have the term. */
export function searchMock(query: URLSearchParams): SearchAnswer {
  const term = (query.get('q') ?? '').replace(/\w+:\S+/g, '').trim();
  const types = query.get('types')?.split(',') ?? ['software-catalog', 'template', 'techdocs'];
  const [limit, offset] = [Number(query.get('limit') ?? 5), Number(query.get('offset') ?? 0)];
  const found = [...allEntities.map(ofEntity), ...sections()].filter(({ document }) =>
    `${document.title} ${document.text}`.toLowerCase().includes(term.toLowerCase()),
  );
  const groups = types.map((type) => {
    const all = found.filter((result) => result.type === type);
    const results = all.slice(offset, offset + limit).map((result) => marked(result, term));
    return { type, count: all.length, isMore: false, results };
  });
  return { groups: groups.filter(({ results }) => results.length > 0), isCorrected: false, tookMs: 1 };
}

const unmarked = { preTag: '', postTag: '', fields: {} };

function ofEntity({ kind, metadata, spec }: Entity): SearchResult {
  const namespace = metadata.namespace ?? 'default';
  return {
    type: kind === 'Template' ? 'template' : 'software-catalog',
    highlight: unmarked,
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
    highlight: unmarked,
    document: { title, text, location: `/docs/default/component/harbour/${location}`, path: location, name: 'harbour' },
  }));
}

function marked(result: SearchResult, term: string): SearchResult {
  if (term === '') return result;
  const mark = (text: string) => text.replace(new RegExp(term.replace(/[^\w\s]/g, '.'), 'gi'), '<m>$&</m>');
  const { title, text } = result.document;
  return { ...result, highlight: { preTag: '<m>', postTag: '</m>', fields: { title: mark(title), text: mark(text) } } };
}
