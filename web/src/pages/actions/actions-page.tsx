import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { actionsQuery } from '@/api/queries';
import type { Action } from '@/api/types';
import { CopyButton } from '@/ui/copy-button';
import { plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { Markdown } from '@/ui/markdown';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { fieldsOf, type SchemaField } from './fields';

const route = getRouteApi('/create/actions');

/** The actions for steps of templates, with inputs, outputs and examples. */
export function ActionsPage() {
  const { q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(actionsQuery);
  useEffect(() => {
    document.title = 'Actions · Create';
  }, []);
  const wanted = q.trim().toLowerCase();
  const shown = (data ?? []).filter(({ id, description = '' }) =>
    `${id} ${description}`.toLowerCase().includes(wanted),
  );
  return (
    <div className="max-w-4xl space-y-4">
      <div>
        <p className="text-small text-muted">
          <Link to="/create" className="hover:text-ink">
            Create
          </Link>
        </p>
        <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
          <h1 className="text-title">Actions</h1>
          <SearchInput
            label="Find an action"
            value={q}
            onChange={(text) => navigate({ search: text ? { q: text } : {}, replace: true })}
            className="w-full sm:w-72"
          />
          {data && (
            <span role="status" className="text-muted">
              {plural(shown.length, 'action')}
            </span>
          )}
        </div>
      </div>
      {error && !data && <ErrorPanel error={error} doing="list the actions" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && shown.length === 0 && <Empty title={`No action has “${q}” in its name or description.`} />}
      <ul className="divide-y border-t">
        {shown.map((action) => (
          <Described key={action.id} action={action} open={shown.length === 1} />
        ))}
      </ul>
    </div>
  );
}

function Described({ action, open }: { action: Action; open: boolean }) {
  const { id, description, examples = [], schema } = action;
  return (
    <li className="py-3">
      <details open={open}>
        <summary>
          <h2 className="inline font-mono">{id}</h2>
          {description && <span className="block pl-4 text-muted">{firstSentence(description)}</span>}
        </summary>
        <div className="mt-3 space-y-4 pl-4">
          {description && <Markdown>{description}</Markdown>}
          <Fields title="Input" none="It takes no input." fields={fieldsOf(schema.input)} />
          <Fields title="Output" none="It puts nothing out." fields={fieldsOf(schema.output)} />
          {examples.map((example) => (
            <figure key={example.description} className="relative">
              <figcaption className="mb-1">{example.description}</figcaption>
              <pre className="overflow-x-auto rounded-md border bg-rail p-3 font-mono text-small">
                {example.example}
              </pre>
              <span className="absolute right-1 bottom-1">
                <CopyButton text={() => example.example} label="Copy the example" />
              </span>
            </figure>
          ))}
        </div>
      </details>
    </li>
  );
}

function firstSentence(text: string): string {
  return /^[^\n]*?[.!?](?=\s|$)|^[^\n]*/.exec(text)?.[0] ?? text;
}

interface FieldsProps {
  title: string;
  none: string;
  fields: readonly SchemaField[];
}

function Fields({ title, none, fields }: FieldsProps) {
  return (
    <section>
      <h3 className="mb-1">{title}</h3>
      {fields.length === 0 && <p className="text-muted">{none}</p>}
      <dl className="divide-y">
        {fields.map(({ name, type, needed, description }) => (
          <div key={name} className="grid gap-x-6 py-1 sm:grid-cols-[200px_minmax(0,1fr)]">
            <dt className="wrap-anywhere">
              <code className="font-mono">{name}</code>
              <span className="block text-small text-muted">
                {type}
                {needed && ', needed'}
              </span>
            </dt>
            <dd className="min-w-0 text-muted">{description && <Markdown>{description}</Markdown>}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
