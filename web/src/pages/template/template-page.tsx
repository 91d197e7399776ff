import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';
import { ApiError } from '@/api/errors';
import { entityQuery, infoQuery, parameterSchemaQuery, sessionQuery } from '@/api/queries';
import { EntityLink } from '@/entity/entity-link';
import { ownersOf, stringifyRef } from '@/entity/ref';
import { Markdown } from '@/ui/markdown';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { pagesOf } from './pages';
import { Wizard } from './wizard';

const route = getRouteApi('/create/templates/$namespace/$name');

export function TemplatePage() {
  const { namespace, name } = route.useParams();
  const parameters = useQuery({ ...parameterSchemaQuery(namespace, name), staleTime: Number.POSITIVE_INFINITY });
  const template = useQuery({ ...entityQuery('template', namespace, name), staleTime: Number.POSITIVE_INFINITY });
  const { data: session } = useQuery(sessionQuery);
  const { data: info } = useQuery(infoQuery);
  const pages = useMemo(
    () => (parameters.data && !template.isPending ? pagesOf(parameters.data, template.data) : undefined),
    [parameters.data, template.data, template.isPending],
  );
  const title = parameters.data?.title ?? name;

  useEffect(() => {
    document.title = `${title} · Create`;
  }, [title]);

  const error = parameters.error ?? template.error;
  if (error instanceof ApiError && error.status === 404) return <Missing />;
  if (error) return <ErrorPanel error={error} doing="open this template" onRetry={() => parameters.refetch()} />;
  if (!pages || !parameters.data || !session || !info) return <Skeleton lines={6} />;
  const owner = template.data && ownersOf(template.data)[0];
  return (
    <article className="mx-auto max-w-2xl space-y-6">
      <header className="space-y-1">
        <p className="text-small text-muted">
          <Link to="/create" className="hover:text-ink">
            Create
          </Link>
        </p>
        <h1 className="text-title">{title}</h1>
        {parameters.data.description && (
          <div className="text-muted">
            <Markdown>{parameters.data.description}</Markdown>
          </div>
        )}
        {owner && (
          <p className="flex items-center gap-1.5 text-small text-muted">
            by <EntityLink entityRef={owner} />
          </p>
        )}
      </header>
      <Wizard
        key={`${namespace}/${name}`}
        user={session.backstageIdentity.identity.userEntityRef}
        templateRef={stringifyRef({ kind: 'template', namespace, name })}
        parameters={parameters.data}
        template={template.data}
        pages={pages}
        owners={session.backstageIdentity.identity.ownershipEntityRefs}
        integrations={info.integrations}
      />
    </article>
  );
}

function Missing() {
  const { name } = route.useParams();
  return (
    <div className="space-y-2">
      <h1 className="text-title">There is no template called {name}</h1>
      <p className="text-muted">
        It may have been renamed, or its source may have gone.{' '}
        <Link to="/create" search={{ q: name }} className="text-accent underline">
          Look for “{name}”
        </Link>
      </p>
    </div>
  );
}
