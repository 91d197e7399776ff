import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useRouter } from '@tanstack/react-router';
import { History } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '@/api/errors';
import { runsQuery } from '@/api/queries';
import type { RunSummary, SearchGroup, SearchProblem, SearchResult } from '@/api/types';
import { useRecent } from '@/entity/bookmarks';
import { KindIcon } from '@/entity/kind-icon';
import { parseRef } from '@/entity/ref';
import { useTitles } from '@/entity/titles';
import { runName } from '@/run/name';
import { runLook } from '@/run/status';
import { excerptOf, type Piece, piecesOf } from '@/search/highlight';
import { searchQuery, useLive } from '@/search/queries';
import { recentSearches } from '@/search/recent';
import { addressOf, groupLabel, hintOf, TypeIcon } from '@/search/types';
import { StateIcon } from '@/ui/state';
import { useSettled } from '@/ui/use-settled';
import { type Candidate, contains, excerpt, type Hit, rank } from './rank';

/** The target of a search result. */
export type Target =
  | { kind: 'entity' | 'run'; id: string }
  | { kind: 'page'; id: (typeof pages)[number]['to'] }
  /** An address of the portal or of somewhere else. */
  | { kind: 'address'; id: string }
  /** Another search: one that was made before, or what was probably meant. */
  | { kind: 'search'; id: string }
  /** All results, of one type if there is one. */
  | { kind: 'all'; id: string; type: string | undefined };

/** A result, or a suggestion, as it is shown. */
export interface Entry {
  target: Target;
  title: readonly Piece[];
  /** Where the term is, if it is not in the title. */
  excerpt: readonly Piece[];
  hint: string;
  icon: ReactNode;
}

/** Entries of one type. */
export interface Group {
  label: string;
  /** How many there are, if that is worth saying. */
  total: string | undefined;
  entries: readonly Entry[];
}

const pages = [
  { title: 'Home', to: '/' },
  { title: 'Catalog', to: '/catalog' },
  { title: 'Create', to: '/create' },
  { title: 'Runs', to: '/runs' },
  { title: 'Docs', to: '/docs' },
  { title: 'Actions for templates', to: '/create/actions' },
  { title: 'Import into the catalog', to: '/catalog/import' },
  { title: 'Sources of the catalog', to: '/catalog/sources' },
  { title: 'Who I am', to: '/me' },
  { title: 'Sessions', to: '/sessions' },
  { title: 'Audit log', to: '/audit' },
  { title: 'Permissions', to: '/explain' },
  { title: 'Roles', to: '/roles' },
] as const;

const mostOfType = 6;
const mostLocal = 5;
/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 60;
/** What is at least typed of the id of a run. */
const beginOfId = /^[0-9a-f]{4}[0-9a-f-]*$/i;

interface Found {
  groups: Group[];
  /** What was probably meant, when little or nothing was found. */
  suggestion: string | undefined;
  /** Whether the groups are those of the suggestion. */
  isCorrected: boolean;
  loading: boolean;
  /** The other systems that could not be searched. */
  problems: readonly SearchProblem[];
  /** Whether something could not be searched, so that results may be missing. */
  failed: boolean;
}

/**
 * The results for the term by type. Types whose titles have the term come first, then those that have a part of it. The server is asked when the user pauses,
 * and the pages are searched here at every keystroke.
 */
export function useFound(term: string): Found {
  const settled = useSettled(term, pause);
  const asked = { enabled: term !== '' && settled !== '', placeholderData: keepPreviousData };
  const answer = useQuery({ ...searchQuery({ q: settled, limit: mostOfType }), ...asked });
  const live = useLive(term === '' ? '' : settled, mostOfType);
  const isId = beginOfId.test(settled);
  const runs = useQuery({ ...runsQuery({ id: settled, limit: mostLocal }), enabled: asked.enabled && isId });
  const found = (term !== '' && answer.data?.groups) || [];
  const groups = [
    ...[...found, ...live.groups].map((group) => ofServer(group, settled)),
    ofLocal('Runs by id', term, (isId && runs.data?.runs ? runs.data.runs : []).map(ofRun)),
    ofLocal('Pages', term, pages.map(ofPage)),
  ].filter(({ entries }) => entries.length > 0);
  const errors = [answer.error, isId ? runs.error : null];
  return {
    groups: groups.toSorted((a, b) => fitOf(b, term) - fitOf(a, term)),
    suggestion: term === '' ? undefined : answer.data?.suggestion,
    isCorrected: answer.data?.isCorrected === true,
    loading: settled !== term || answer.isFetching || (isId && runs.isFetching),
    problems: term === '' ? [] : [...(answer.data?.problems ?? []), ...live.problems],
    failed: term !== '' && errors.some((error) => error && !isForbidden(error)),
  };
}

/** Things without permission are treated as missing, because a retry does not help. */
function isForbidden(error: Error): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** The beginning of a page's title that is meant to lead to the page. */
const leadsToPage = 3;

/** How well the titles of a group fit: 3 if one is a page that begins so, 2 if one has the whole term, 1 if one has a part of it. */
function fitOf({ entries }: Group, term: string): number {
  const begins = (title: string) => title.toLowerCase().startsWith(term.toLowerCase());
  if (term.length >= leadsToPage && entries.some(({ target, title }) => target.kind === 'page' && begins(plain(title))))
    return 3;
  if (entries.some(({ title }) => contains(plain(title), term))) return 2;
  return entries.some(({ title }) => title.some(({ isMarked }) => isMarked)) ? 1 : 0;
}

function plain(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('');
}

function ofServer(group: SearchGroup, term: string): Group {
  const { type, count, isMore, results } = group;
  const entries = results.flatMap(entryOf);
  const total = `${count.toLocaleString('en')}${isMore ? '+' : ''}`;
  const more = count > results.length && entries.length > 0;
  const label = groupLabel(group);
  const all = bare({ kind: 'all', id: term, type }, `All ${total} in ${label}`);
  return { label, total, entries: more ? [...entries, all] : entries };
}

function entryOf(result: SearchResult): Entry[] {
  const address = addressOf(result);
  if (address === undefined) return [];
  const title = piecesOf(result, 'title');
  const text = piecesOf(result, 'text');
  const isInTitle = title.some(({ isMarked }) => isMarked);
  // The title says enough of an entity that is called so.
  const shown = isInTitle && 'kind' in result.document && result.type !== 'techdocs' ? [] : excerptOf(text, 120);
  return [
    {
      target: { kind: 'address', id: address },
      title,
      excerpt: shown,
      hint: hintOf(result),
      icon: <TypeIcon result={result} />,
    },
  ];
}

function ofLocal(label: string, term: string, candidates: readonly Candidate<Entry>[]): Group {
  const hits = term === '' ? [] : rank(term, candidates);
  return { label, total: undefined, entries: hits.slice(0, mostLocal).map((hit) => marked(hit, term)) };
}

function marked({ target, because }: Hit<Entry>, term: string): Entry {
  const where = because && `${because.field}: ${excerpt(because.text, term)}`;
  return { ...target, title: markedAt(plain(target.title), term), excerpt: where ? markedAt(where, term) : [] };
}

function markedAt(text: string, term: string): Piece[] {
  const at = text.toLowerCase().indexOf(term.toLowerCase());
  if (at < 0) return [{ text, isMarked: false }];
  const end = at + term.length;
  return [
    { text: text.slice(0, at), isMarked: false },
    { text: text.slice(at, end), isMarked: true },
    { text: text.slice(end), isMarked: false },
  ].filter((piece) => piece.text !== '');
}

function bare(target: Target, title: string, icon: ReactNode = null): Entry {
  return { target, title: [{ text: title, isMarked: false }], excerpt: [], hint: '', icon };
}

/** The suggestions of an empty search: earlier searches, recently seen things, and the pages. */
export function useSuggestions(): Group[] {
  const recent = useRecent();
  const titles = useTitles(recent);
  const searched = recentSearches().map((term) =>
    bare({ kind: 'search', id: term }, term, <History size={14} aria-hidden className="shrink-0 text-muted" />),
  );
  const seen = recent.map((ref) => {
    const { kind } = parseRef(ref);
    return { ...bare({ kind: 'entity', id: ref }, titles.of(ref, kind), <KindIcon kind={kind} />), hint: kind };
  });
  return [
    { label: 'Recent searches', total: undefined, entries: searched },
    { label: 'Recently seen', total: undefined, entries: seen },
    { label: 'Pages', total: undefined, entries: pages.map(({ title, to }) => bare({ kind: 'page', id: to }, title)) },
  ].filter(({ entries }) => entries.length > 0);
}

/** Goes to a target; another search leads nowhere. */
export function useOpen(): (target: Target) => void {
  const navigate = useNavigate();
  const { history } = useRouter();
  return (target) => {
    switch (target.kind) {
      case 'all':
        return navigate({
          to: '/search',
          search: { query: target.id, ...(target.type && { 'types[]': [target.type] }) },
        });
      case 'address':
        return target.id.startsWith('/') ? history.push(target.id) : window.location.assign(target.id);
      case 'page':
        return navigate({ to: target.id });
      case 'run':
        return navigate({ to: '/runs/$id', params: { id: target.id } });
      case 'entity':
        return navigate({ to: '/catalog/$namespace/$kind/$name', params: { ...parseRef(target.id) } });
      case 'search':
        return undefined;
    }
  };
}

function ofRun(run: RunSummary): Candidate<Entry> {
  const look = runLook(run);
  const name = runName(run);
  return {
    target: {
      ...bare({ kind: 'run', id: run.id }, name, <StateIcon look={look} size={14} />),
      hint: `run, ${look.word.toLowerCase()}`,
    },
    title: name,
    others: [
      { field: 'template', text: run.title },
      { field: 'id', text: run.id },
    ],
  };
}

function ofPage({ title, to }: (typeof pages)[number]): Candidate<Entry> {
  return { target: { ...bare({ kind: 'page', id: to }, title), hint: 'page' }, title, others: [] };
}
