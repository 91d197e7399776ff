import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';
import { ApiError } from '@/api/errors';
import { entityQuery, infoQuery, parameterSchemaQuery, sessionQuery } from '@/api/queries';
import type { TemplateStep } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { ownersOf, stringifyRef } from '@/entity/ref';
import { TemplateProblems } from '@/template/template-problems';
import { Markdown } from '@/ui/markdown';
import { ErrorPanel, Skeleton } from '@/ui/states';
import { FeatureFlags } from './feature-flags';
import { flagsIn, useFlags } from './flags';
import { pagesOf } from './pages';
import { Steps } from './steps';
import { Wizard } from './wizard';

const route = getRouteApi('/create/templates/$namespace/$name');

export function TemplatePage() {
  const { namespace, name } = route.useParams();
  const parameters = useQuery({ ...parameterSchemaQuery(namespace, name), staleTime: Number.POSITIVE_INFINITY });
  const template = useQuery({ ...entityQuery('template', namespace, name), staleTime: Number.POSITIVE_INFINITY });
  const { data: session } = useQuery(sessionQuery);
  const { data: info } = useQuery(infoQuery);
  const [flags, toggleFlag] = useFlags();
  const pages = useMemo(() => {
    if (!parameters.data || template.isPending || !info) return undefined;
    const custom = info.fields.map(({ name }) => name);
    return pagesOf(parameters.data, template.data, flags, custom);
  }, [parameters.data, template.data, template.isPending, flags, info]);
  const title = parameters.data?.title ?? name;

  useEffect(() => {
    document.title = `${title} · Create`;
  }, [title]);

  const error = parameters.error ?? template.error;
  if (error instanceof ApiError && error.status === 404) return <Missing />;
  if (error) return <ErrorPanel error={error} doing="open this template" onRetry={() => parameters.refetch()} />;
  if (!pages || !parameters.data || !session || !info) return <Skeleton lines={6} />;
  const owner = template.data && ownersOf(template.data)[0];
  const templateRef = stringifyRef({ kind: 'template', namespace, name });
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
        <FeatureFlags names={flagsIn(parameters.data)} on={flags} onToggle={toggleFlag} />
        <Steps steps={(template.data?.spec?.steps ?? []) as TemplateStep[]} />
      </header>
      <TemplateProblems templateRef={templateRef} template={template.data} />
      <Wizard
        // With other flags, it is another form.
        key={[namespace, name, ...flags].join('/')}
        user={session.backstageIdentity.identity.userEntityRef}
        templateRef={templateRef}
        parameters={parameters.data}
        template={template.data}
        pages={pages}
        owners={session.backstageIdentity.identity.ownershipEntityRefs}
        integrations={info.integrations}
        customFields={info.fields}
        formDecorators={info.decorators}
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
