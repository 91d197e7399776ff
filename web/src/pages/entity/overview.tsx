import { CircleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { Entity } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { managedByLocation } from '@/entity/origin';
import { problemsId, problemsOf } from '@/entity/problems';
import { parseRef, refOf } from '@/entity/ref';
import { type Titles, useTitles } from '@/entity/titles';
import { useRelationTitles } from '@/entity/use-model';
import { TemplateProblems } from '@/template/template-problems';
import { CopyButton } from '@/ui/copy-button';
import { ExternalLink } from '@/ui/external-link';
import { Markdown } from '@/ui/markdown';
import { Skeleton } from '@/ui/states';
import { Tag } from '@/ui/tag';
import { Integrations } from './integrations/integrations';
import { isOwner, OrganizationSections, OwnedSection, shownInSections } from './people/owner-sections';
import { groupRelations } from './relations';
import { Section } from './section';

export function Overview({ entity }: { entity: Entity }) {
  return (
    <div className="grid grid-cols-1 gap-x-12 gap-y-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)] lg:grid-rows-[auto_1fr]">
      <div className="space-y-8">
        <Problems entity={entity} />
        {entity.kind === 'Template' && <TemplateProblems templateRef={refOf(entity)} template={entity} />}
        <About entity={entity} />
        <Links entity={entity} />
        {isOwner(entity) && <OwnedSection entity={entity} />}
      </div>
      <div className="space-y-8 empty:hidden lg:col-start-2 lg:row-span-2">
        {isOwner(entity) && <OrganizationSections entity={entity} />}
        <Relations entity={entity} />
      </div>
      <Integrations entity={entity} />
    </div>
  );
}

/** The errors and warnings of the catalog about the entity. */
function Problems({ entity }: { entity: Entity }) {
  const problems = problemsOf(entity);
  if (problems.length === 0) return null;
  return (
    <Section title="Problems" id={problemsId}>
      <ul className="divide-y">
        {problems.map((problem) => (
          <li key={problem.message} className="flex gap-2 py-2">
            <CircleAlert
              size={16}
              aria-label={problem.level}
              className={problem.level === 'error' ? 'mt-0.5 shrink-0 text-failed' : 'mt-0.5 shrink-0 text-waiting'}
            />
            <p className="min-w-0 wrap-anywhere">{problem.message}</p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const sourceLocation = 'backstage.io/source-location';
const viewUrl = 'backstage.io/view-url';
const fromTemplate = 'backstage.io/source-template';

function About({ entity }: { entity: Entity }) {
  const { description, annotations = {}, tags = [], labels = {} } = entity.metadata;
  const template = annotations[fromTemplate];
  const profile = entity.spec?.profile as { email?: string } | undefined;
  return (
    <Section title="About">
      {description && (
        <div className="pt-3">
          <Markdown>{description}</Markdown>
        </div>
      )}
      <dl className="grid grid-cols-[minmax(88px,auto)_minmax(0,1fr)] gap-x-6 gap-y-2 pt-3">
        <Fact name="Reference">
          <span className="flex items-center gap-1">
            <code className="min-w-0 font-mono text-small wrap-anywhere">{refOf(entity)}</code>
            <CopyButton text={() => refOf(entity)} label="Copy the reference" />
          </span>
        </Fact>
        {typeof entity.spec?.type === 'string' && <Fact name="Type">{entity.spec.type}</Fact>}
        {profile?.email && (
          <Fact name="Mail">
            <a href={`mailto:${profile.email}`} className="text-accent hover:underline">
              {profile.email}
            </a>
          </Fact>
        )}
        {annotations[sourceLocation] && (
          <Fact name="Source">
            <Location location={annotations[sourceLocation]} />
          </Fact>
        )}
        {annotations[managedByLocation] && (
          <Fact name="Read from">
            <Location
              location={annotations[viewUrl] ? `url:${annotations[viewUrl]}` : annotations[managedByLocation]}
            />
          </Fact>
        )}
        {template && (
          <Fact name="Made with">
            <EntityLink entityRef={template} />
          </Fact>
        )}
        {tags.length > 0 && (
          <Fact name="Tags">
            <span className="flex flex-wrap gap-1">
              {tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </span>
          </Fact>
        )}
        {Object.entries(labels).map(([key, value]) => (
          <Fact key={key} name={key}>
            {value}
          </Fact>
        ))}
      </dl>
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted wrap-anywhere">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

/** A location reference, `url:https://…` or `file:/…`. Only addresses become links. */
function Location({ location }: { location: string }) {
  const target = location.slice(location.indexOf(':') + 1);
  if (!location.startsWith('url:')) return <code className="font-mono text-small">{target}</code>;
  return <ExternalLink href={target}>{target}</ExternalLink>;
}

function Links({ entity }: { entity: Entity }) {
  const links = entity.metadata.links ?? [];
  if (links.length === 0) return null;
  return (
    <Section title="Links">
      <ul className="divide-y">
        {links.map((link) => (
          <li key={link.url} className="py-2">
            <ExternalLink href={link.url}>{link.title ?? link.url}</ExternalLink>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const shownAtFirst = 10;

interface TargetsProps {
  refs: readonly string[];
  titles: Titles;
}

/** The targets of relations of one type, by title. For hundreds of targets, only a few are shown first. */
function Targets({ refs, titles }: TargetsProps) {
  const [all, setAll] = useState(false);
  const sorted = refs
    .map((ref) => ({ ref, title: titles.of(ref, parseRef(ref).kind) }))
    .sort((a, b) => a.title.localeCompare(b.title));
  const shown = all ? sorted : sorted.slice(0, shownAtFirst);
  return (
    <>
      {shown.map(({ ref, title }) => (
        <div key={ref}>
          <EntityLink entityRef={ref} title={title} />
        </div>
      ))}
      {sorted.length > shown.length && (
        <button type="button" className="text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {sorted.length - shown.length} more
        </button>
      )}
    </>
  );
}

function Relations({ entity }: { entity: Entity }) {
  const groups = groupRelations(entity, useRelationTitles()).filter(
    ({ type }) => !isOwner(entity) || !shownInSections.includes(type),
  );
  const titles = useTitles([...new Set(groups.flatMap(({ refs }) => refs))]);
  if (groups.length === 0) return null;
  // They are sorted by titles, so the list waits for the titles: otherwise it would be sorted again.
  if (!titles.known) return <Skeleton />;
  return (
    <Section title="Relations">
      <dl className="divide-y">
        {groups.map(({ type, label, refs }) => (
          <div key={type} className="grid grid-cols-[88px_minmax(0,1fr)] gap-x-6 py-2">
            <dt className="text-muted wrap-anywhere">{label}</dt>
            <dd className="min-w-0 space-y-1">
              <Targets refs={refs} titles={titles} />
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
