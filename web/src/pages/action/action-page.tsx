import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { actionsQuery } from '@/api/queries';
import type { Action } from '@/api/types';
import { Markdown } from '@/ui/markdown';
import { Source } from '@/ui/source';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { isOpen } from './schema-rows';
import { SchemaTable } from './schema-table';

const route = getRouteApi('/create/actions/$id');

/** One action: what it does, takes and gives, and examples to copy. */
export function ActionPage() {
  const { id } = route.useParams();
  const { data, error, refetch } = useQuery(actionsQuery);
  useEffect(() => {
    document.title = `${id} · Actions`;
  }, [id]);
  const action = data?.find((each) => each.id === id);
  return (
    <article className="max-w-4xl space-y-6">
      <header>
        <p className="text-small text-muted">
          <Link to="/create" className="hover:text-ink">
            Create
          </Link>
          {' / '}
          <Link to="/create/actions" className="hover:text-ink">
            Actions
          </Link>
        </p>
        <h1 className="font-mono text-title wrap-anywhere">{id}</h1>
        {action?.description && (
          <div className="mt-1">
            <Markdown>{action.description}</Markdown>
          </div>
        )}
      </header>
      {error && !data && <ErrorPanel error={error} doing="list the actions" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && !action && <Missing id={id} />}
      {action && <Described action={action} />}
    </article>
  );
}

function Described({ action: { portico, schema, examples = [] } }: { action: Action }) {
  return (
    <>
      {portico && <Facts {...portico} />}
      <SchemaTable title="Input" schema={schema.input} none={withoutInput(schema.input)} />
      <SchemaTable title="Output" schema={schema.output} none="It puts nothing out." />
      {examples.length > 0 && (
        <section aria-label="Examples" className="space-y-3">
          <h2>Examples</h2>
          {examples.map(({ description, example }) => (
            <div key={description + example} className="space-y-1">
              <p className="text-muted">{description}</p>
              <Source label={`the example: ${description}`} value={example} />
            </div>
          ))}
        </section>
      )}
    </>
  );
}

function withoutInput(schema: unknown): string {
  return schema !== undefined && isOpen(schema) ? 'It takes any input.' : 'It takes no input.';
}

/** What Backstage does not tell of an action. */
function Facts({ undoes, needs = [], differences = [] }: NonNullable<Action['portico']>) {
  return (
    <dl className="divide-y border-y">
      {undoes && <Fact term="A rollback" sentences={[undoes]} />}
      {needs.length > 0 && <Fact term="It needs" sentences={needs} />}
      {differences.length > 0 && <Fact term="Other than in Backstage" sentences={differences} />}
    </dl>
  );
}

function Fact({ term, sentences }: { term: string; sentences: readonly string[] }) {
  return (
    <div className="grid gap-x-6 py-1.5 sm:grid-cols-[15rem_minmax(0,1fr)]">
      <dt className="text-muted">{term}</dt>
      <dd className="space-y-1">
        {sentences.map((sentence) => (
          <Markdown key={sentence}>{sentence}</Markdown>
        ))}
      </dd>
    </div>
  );
}

function Missing({ id }: { id: string }) {
  const name = id.split(':').at(-1) ?? id;
  return (
    <div className="space-y-2 text-muted">
      <p className="font-medium text-ink">Portico does not have this action.</p>
      <p>
        A run of a template that names it fails at that step. The template’s author can use another action:{' '}
        <Link to="/create/actions" search={{ q: name }} className="text-accent underline">
          look for “{name}”
        </Link>
        .
      </p>
    </div>
  );
}
