import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { CircleAlert } from 'lucide-react';
import { useEffect, useMemo } from 'react';
import { runsQuery, sessionQuery, templateFindingsQuery, templatesQuery } from '@/api/queries';
import type { Entity, TemplateFinding } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { displayName, namespaceOf, ownersOf, refOf } from '@/entity/ref';
import { StarButton } from '@/entity/star-button';
import { type Statistics, statisticsByTemplate } from '@/run/statistics';
import { problemsOf } from '@/template/findings';
import { classNames } from '@/ui/class-names';
import { formatDuration, plural } from '@/ui/format';
import { SearchInput } from '@/ui/input';
import { rowLink } from '@/ui/row-link';
import { Command, Empty, ErrorPanel, Skeleton } from '@/ui/states';
import { Drafts } from './drafts';
import { groupTemplates, matchesTemplate } from './group-templates';

const route = getRouteApi('/create');
/** The newest runs, from which the statistics on the cards are computed. */
const counted = 500;

export function GalleryPage() {
  const { q = '', tag } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(templatesQuery);
  const { data: recent } = useQuery({ ...runsQuery({ limit: counted }), staleTime: 60_000 });
  const { data: session } = useQuery(sessionQuery);
  const statistics = useMemo(() => statisticsByTemplate(recent?.runs ?? []), [recent]);
  const { data: checked } = useQuery(templateFindingsQuery());
  const findings = new Map(checked?.templates.map((each) => [each.templateRef, each.findings]));
  const templates = data?.items ?? [];
  const shown = templates.filter((template) => matchesTemplate(template, q, tag));

  useEffect(() => {
    document.title = 'Create · Portico';
  }, []);

  return (
    <div className="max-w-5xl space-y-5">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <h1 className="text-title">Create</h1>
        <SearchInput
          label="Find a template"
          value={q}
          onChange={(text) => navigate({ search: { ...(text && { q: text }), ...(tag && { tag }) }, replace: true })}
          className="w-full sm:w-72"
        />
        {tag && (
          <Link to="/create" search={{ ...(q && { q }) }} className="text-small text-muted hover:text-ink">
            tagged {tag} ✕<span className="sr-only">, remove this filter</span>
          </Link>
        )}
        <Link to="/create/actions" className="text-muted hover:text-ink hover:underline sm:ml-auto">
          Actions for templates
        </Link>
      </div>
      {error && !data && <ErrorPanel error={error} doing="list the templates" onRetry={() => refetch()} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && templates.length === 0 && <NoTemplates />}
      {templates.length > 0 && shown.length === 0 && <Empty title="No template is like this." />}
      {session && !q && !tag && (
        <Drafts user={session.backstageIdentity.identity.userEntityRef} templates={templates} />
      )}
      {groupTemplates(shown).map(({ purpose, templates: alike }) => (
        <section
          key={purpose}
          aria-label={purpose}
          className="grid grid-cols-1 gap-x-8 border-t md:grid-cols-[140px_minmax(0,1fr)]"
        >
          <h2 className="pt-3 first-letter:uppercase">{purpose}</h2>
          <ul className="grid grid-cols-1 gap-x-8 sm:grid-cols-2">
            {alike.map((template) => (
              <Card
                key={refOf(template)}
                template={template}
                statistics={statistics.get(refOf(template))}
                findings={findings.get(refOf(template))}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

interface CardProps {
  template: Entity;
  statistics: Statistics | undefined;
  findings: readonly TemplateFinding[] | undefined;
}

function Card({ template, statistics, findings = [] }: CardProps) {
  const title = displayName(template);
  const owner = ownersOf(template)[0];
  return (
    <li className="relative -mx-3 flex flex-col px-3 py-3 has-[h3_a:hover]:bg-hover">
      <div className="flex items-start gap-2">
        <h3 className="min-w-0 grow">
          <Link
            to="/create/templates/$namespace/$name"
            params={{ namespace: namespaceOf(template), name: template.metadata.name }}
            className={classNames('wrap-anywhere', rowLink)}
          >
            {title}
          </Link>
        </h3>
        <span className="relative -my-1.5">
          <StarButton entityRef={refOf(template)} title={title} />
        </span>
      </div>
      {template.metadata.description && <p className="mt-1 line-clamp-3 text-muted">{template.metadata.description}</p>}
      <Problems template={template} findings={findings} />
      <div className="mt-auto flex flex-wrap items-center gap-x-3 gap-y-1 pt-2 text-small text-muted">
        {owner && (
          <span className="relative flex min-w-0">
            <EntityLink entityRef={owner} />
          </span>
        )}
        {statistics && <Figures templateRef={refOf(template)} statistics={statistics} />}
        {template.metadata.tags?.map((name) => (
          <Link
            key={name}
            to="/create"
            search={{ tag: name }}
            className="relative rounded border px-1.5 hover:border-edge hover:text-ink"
          >
            {name}
          </Link>
        ))}
      </div>
    </li>
  );
}

/** Why a run of the template fails, and how many remarks there are for its author. Its page has them all. */
function Problems({ template, findings }: { template: Entity; findings: readonly TemplateFinding[] }) {
  const problems = problemsOf(findings, template);
  const [first, ...others] = problems.filter(({ severity }) => severity === 'error');
  const remarks = problems.length - others.length - (first ? 1 : 0);
  return (
    <>
      {first && (
        <p className="mt-1 flex gap-1.5">
          <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-failed" />
          <span className="line-clamp-3 wrap-anywhere">
            <span className="font-medium">A run fails:</span> {first.text}
            {others.length > 0 && ` And ${plural(others.length, 'more problem')}.`}
          </span>
        </p>
      )}
      {remarks > 0 && <p className="mt-1 text-small text-muted">{plural(remarks, 'remark')} for its author</p>}
    </>
  );
}

interface FiguresProps {
  templateRef: string;
  statistics: Statistics;
}

/** The duration and success rate of the template's runs, with a link to them. */
function Figures({ templateRef, statistics: { ended, completed, typical } }: FiguresProps) {
  return (
    <Link
      to="/runs"
      search={{ template: templateRef }}
      title={`${completed} of the last ${ended} finished runs completed`}
      className="relative hover:text-ink hover:underline"
    >
      {typical !== undefined && `${formatDuration(typical)} · `}
      {Math.floor((100 * completed) / ended)} % of {ended} succeeded
    </Link>
  );
}

function NoTemplates() {
  return (
    <Empty title="There are no templates in the catalog.">
      <p>
        Add a location that holds one under <code className="font-mono">catalog.locations</code> in the configuration,
        and check it first:
      </p>
      <Command>portico catalog validate template.yaml</Command>
    </Empty>
  );
}
