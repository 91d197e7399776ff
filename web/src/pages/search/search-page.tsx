import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { SearchResults } from '@/api/types';
import { searchQuery } from '@/search/queries';
import { rememberSearch } from '@/search/recent';
import { searchTypes, typeLabel } from '@/search/types';
import { buttonLook } from '@/ui/button';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Tab, Tabs } from '@/ui/tabs';
import { useSettled } from '@/ui/use-settled';
import { FilterList } from './filter-list';
import { filtersOf, withoutCursor } from './filters';
import { Result } from './result';

const route = getRouteApi('/search');

/** The delay after the last keystroke before a search, in milliseconds. */
const pause = 120;
const perPage = 25;

/** All results of a search, with filters. The address is that of Backstage's page. */
export function SearchPage() {
  const search = route.useSearch();
  const { query = '', pageCursor } = search;
  const navigate = route.useNavigate();
  const term = useSettled(query.trim(), pause);
  // Without a choice all types are searched, also those that Backstage does not have.
  const types = search['types[]'] ?? searchTypes;
  const shared = { term, filters: filtersOf(search) };
  const answer = useQuery({
    ...searchQuery({ ...shared, types, pageLimit: perPage, ...(pageCursor && { pageCursor }) }),
    placeholderData: keepPreviousData,
  });
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
        {answer.data?.numberOfResults !== undefined && (
          <span role="status" className="text-muted">
            {plural(answer.data.numberOfResults, 'result')}
          </span>
        )}
      </div>
      <Types term={term} />
      <div className="grid grid-cols-1 gap-x-8 gap-y-4 lg:grid-cols-[200px_minmax(0,1fr)]">
        <FilterList />
        <div className="min-w-0">
          {answer.error && !answer.data && (
            <ErrorPanel error={answer.error} doing="search" onRetry={() => answer.refetch()} />
          )}
          {!answer.data && !answer.error && <Skeleton lines={8} />}
          {answer.data && <Results answer={answer.data} term={term} />}
        </div>
      </div>
    </div>
  );
}

/** The types of results, each with its number. */
function Types({ term }: { term: string }) {
  const search = route.useSearch();
  const chosen = search['types[]'] ?? [];
  const answers = useQueries({
    queries: searchTypes.map((type) => ({
      ...searchQuery({ term, filters: filtersOf(search), types: [type], pageLimit: 1 }),
      placeholderData: keepPreviousData,
    })),
  });
  const { 'types[]': _, ...others } = withoutCursor(search);
  return (
    <Tabs label="Types of results">
      <Tab to="/search" search={others} current={chosen.length !== 1}>
        Everything
      </Tab>
      {searchTypes.map((type, index) => (
        <Tab
          key={type}
          to="/search"
          search={{ ...others, 'types[]': [type] }}
          current={chosen.length === 1 && chosen[0] === type}
        >
          {typeLabel(type)}{' '}
          <span className="text-small text-muted">{answers[index]?.data?.numberOfResults?.toLocaleString('en')}</span>
        </Tab>
      ))}
    </Tabs>
  );
}

function Results({ answer, term }: { answer: SearchResults; term: string }) {
  const search = route.useSearch();
  const { results, nextPageCursor, previousPageCursor } = answer;
  if (results.length === 0) return <Nothing term={term} />;
  return (
    <>
      <ol aria-label="Results" className="divide-y border-y">
        {results.map((result) => (
          <Result
            key={`${result.type} ${result.document.location}`}
            result={result}
            onOpen={() => rememberSearch(term)}
          />
        ))}
      </ol>
      {(nextPageCursor || previousPageCursor) && (
        <nav aria-label="Pages of results" className="mt-4 flex gap-2">
          {previousPageCursor && (
            <Link to="/search" search={{ ...search, pageCursor: previousPageCursor }} className={buttonLook('plain')}>
              Previous
            </Link>
          )}
          {nextPageCursor && (
            <Link to="/search" search={{ ...search, pageCursor: nextPageCursor }} className={buttonLook('plain')}>
              Next
            </Link>
          )}
        </nav>
      )}
    </>
  );
}

function Nothing({ term }: { term: string }) {
  const search = route.useSearch();
  const isFiltered = Object.keys(search).some((key) => key.startsWith('filters[') || key === 'types[]');
  return (
    <Empty title={term ? `Nothing was found for “${term}”` : 'Nothing is here to be found'}>
      <p>
        Fewer or shorter words find more; “quoted words” are found as they stand, and kind:component, owner:me or
        tag:java narrow a search.
      </p>
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
