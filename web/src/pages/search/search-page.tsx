import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { SearchAnswer, SearchGroup, SearchProblem } from '@/api/types';
import { searchQuery, searchSourcesQuery, useLive } from '@/search/queries';
import { rememberSearch } from '@/search/recent';
import { groupLabel, searchTypes, typeLabel } from '@/search/types';
import { buttonLook } from '@/ui/button';
import { SearchInput } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { useSettled } from '@/ui/use-settled';
import { FilterList } from './filter-list';
import { cursorOf, offsetOf, questionOf, withoutCursor } from './filters';
import { Result } from './result';

const route = getRouteApi('/search');

/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 120;
/** How many results of one type are on a page, and of each type among all. */
const perPage = 25;
const perGroup = 5;

/** All results of a search, with filters. The address is that of Backstage's page. */
export function SearchPage() {
  const search = route.useSearch();
  const { query = '' } = search;
  const navigate = route.useNavigate();
  const term = useSettled(query.trim(), pause);
  useEffect(() => {
    document.title = `${query ? `${query} · ` : ''}Search · Portico`;
  }, [query]);
  return (
    <div className="max-w-6xl space-y-4">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <h1 className="text-title">Search</h1>
        <SearchInput
          label="Search everything"
          // Whoever opens this page without a term is about to type one.
          autoFocus={query === ''}
          value={query}
          onChange={(text) =>
            navigate({
              search: ({ query: _, pageCursor: __, ...rest }) => ({ ...rest, ...(text && { query: text }) }),
              replace: true,
            })
          }
          className="w-full sm:w-96"
        />
      </div>
      <Answer term={term} question={questionOf(search, term)} />
    </div>
  );
}

function Answer({ term, question }: { term: string; question: string }) {
  const search = route.useSearch();
  const only = search['types[]'];
  const kept = { enabled: question !== '', placeholderData: keepPreviousData };
  const all = useQuery({ ...searchQuery({ q: question, limit: perGroup }), ...kept });
  const offset = offsetOf(search.pageCursor, perPage);
  const some = useQuery({
    ...searchQuery({ q: question, types: only ?? [], limit: perPage, offset }),
    ...kept,
    enabled: kept.enabled && only !== undefined,
  });
  const live = useLive(question, perGroup);
  const shown = only ? some : all;
  const isAll = only === undefined;
  return (
    <>
      <Types groups={question === '' ? [] : [...(all.data?.groups ?? []), ...live.groups]} />
      <div className="grid grid-cols-1 gap-x-8 gap-y-4 lg:grid-cols-[200px_minmax(0,1fr)]">
        <FilterList question={question} />
        <div className="min-w-0 space-y-6">
          {question === '' && <Hints />}
          {question !== '' && shown.error && !shown.data && (
            <ErrorPanel error={shown.error} doing="search" onRetry={() => shown.refetch()} />
          )}
          {question !== '' && shown.isPending && <Skeleton lines={8} />}
          {question !== '' && shown.data && (
            <Results
              answer={isAll ? { ...shown.data, groups: [...shown.data.groups, ...live.groups] } : shown.data}
              term={term}
              isAll={isAll}
              waiting={isAll ? live.waiting : []}
            />
          )}
          {question !== '' && shown.data && (
            <Problems problems={[...(shown.data.problems ?? []), ...(isAll ? live.problems : [])]} />
          )}
        </div>
      </div>
    </>
  );
}

function countOf({ count, isMore }: SearchGroup): string {
  return `${count.toLocaleString('en')}${isMore ? '+' : ''}`;
}

/** The types of results, each with its number. */
function Types({ groups }: { groups: readonly SearchGroup[] }) {
  const search = route.useSearch();
  const sources = useQuery(searchSourcesQuery());
  const chosen = search['types[]'] ?? [];
  const { 'types[]': _, ...others } = withoutCursor(search);
  return (
    <Tabs label="Types of results">
      <Tab to="/search" search={others} current={chosen.length === 0}>
        Everything
      </Tab>
      {[...searchTypes.map((type) => ({ type, title: typeLabel(type) })), ...(sources.data ?? [])].map((one) => {
        const { type, title } = one;
        const group = groups.find((found) => found.type === type);
        return (
          <Tab key={type} to="/search" search={{ ...others, 'types[]': [type] }} current={chosen.includes(type)}>
            {title} <span className="text-small text-muted">{group ? countOf(group) : 0}</span>
          </Tab>
        );
      })}
    </Tabs>
  );
}

interface ResultsProps {
  answer: SearchAnswer;
  term: string;
  /** Whether a few results of each type are shown. */
  isAll: boolean;
  /** The titles of other servers that have not answered yet. */
  waiting: readonly string[];
}

function Results({ answer: { groups, suggestion, isCorrected, reason }, term, isAll, waiting }: ResultsProps) {
  return (
    <>
      {suggestion && <Meant suggestion={suggestion} isCorrected={isCorrected} term={term} />}
      {groups.length === 0 && waiting.length === 0 && <Nothing term={term} reason={reason} />}
      {groups.map((group) => (
        <Group key={group.type} group={group} term={term} isAll={isAll} />
      ))}
      {waiting.length > 0 && <p className="text-muted">Searching {waiting.join(', ')} …</p>}
    </>
  );
}

/** The other systems that could not be searched. */
function Problems({ problems }: { problems: readonly SearchProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <ul role="status" className="space-y-1 text-muted">
      {problems.map(({ type, title, message }) => (
        <li key={type}>
          <b className="font-medium">{title}</b> could not be searched. {message}.
        </li>
      ))}
    </ul>
  );
}

function Meant({ suggestion, isCorrected, term }: { suggestion: string; isCorrected: boolean; term: string }) {
  const search = withoutCursor(route.useSearch());
  return (
    <p role="status">
      {isCorrected && `Nothing was found for “${term}”; these are results for what was probably meant. `}
      Did you mean “
      <Link to="/search" search={{ ...search, query: suggestion }} className="font-medium text-accent underline">
        {suggestion}
      </Link>
      ”?
    </p>
  );
}

function Group({ group, term, isAll }: { group: SearchGroup; term: string; isAll: boolean }) {
  const search = withoutCursor(route.useSearch());
  const label = groupLabel(group);
  return (
    <section aria-label={label}>
      <h2 className="flex items-baseline gap-2 border-b pb-1.5">
        {label} <span className="text-small font-normal text-muted">{countOf(group)}</span>
      </h2>
      <ol aria-label={`Results: ${label}`} className="divide-y border-b">
        {group.results.map((result) => (
          <Result key={result.document.location} result={result} onOpen={() => rememberSearch(term)} />
        ))}
      </ol>
      {isAll && group.count > group.results.length && (
        <p className="pt-2">
          <Link to="/search" search={{ ...search, 'types[]': [group.type] }} className="text-accent hover:underline">
            All {countOf(group)} in {label}
          </Link>
        </p>
      )}
      {!isAll && <Paging group={group} />}
    </section>
  );
}

function Paging({ group }: { group: SearchGroup }) {
  const search = route.useSearch();
  const page = offsetOf(search.pageCursor, perPage) / perPage;
  const hasNext = group.count > (page + 1) * perPage;
  if (page === 0 && !hasNext) return null;
  return (
    <nav aria-label="Pages of results" className="mt-4 flex gap-2">
      {page > 0 && (
        <Link
          to="/search"
          search={page > 1 ? { ...search, pageCursor: cursorOf(page - 1) } : withoutCursor(search)}
          className={buttonLook('plain')}
        >
          Previous
        </Link>
      )}
      {hasNext && (
        <Link to="/search" search={{ ...search, pageCursor: cursorOf(page + 1) }} className={buttonLook('plain')}>
          Next
        </Link>
      )}
    </nav>
  );
}

function Hints() {
  return (
    <Empty title="Type what you look for">
      <p>
        A name, a word of a text or its beginning. “Quoted words” are found as they stand, and kind:component, owner:me,
        lang:go or tag:java narrow a search.
      </p>
    </Empty>
  );
}

function Nothing({ term, reason }: { term: string; reason: string | undefined }) {
  const search = route.useSearch();
  const isFiltered = Object.keys(search).some((key) => key.startsWith('filters[') || key === 'types[]');
  return (
    <Empty title={term ? `Nothing was found for “${term}”` : 'Nothing was found'}>
      <p>{reason ?? 'Fewer or shorter words find more.'}</p>
      {isFiltered && (
        <p>
          <Link to="/search" search={term ? { query: term } : {}} className="text-accent underline">
            Search without filters
          </Link>
        </p>
      )}
    </Empty>
  );
}
