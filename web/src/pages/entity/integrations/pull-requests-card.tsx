import { CircleCheck, CircleDashed, CircleX } from 'lucide-react';
import { ofEntityQuery } from '@/api/queries';
import type { Entity, PullRequest } from '@/api/types';
import { refOf } from '@/entity/ref';
import { ExternalLink } from '@/ui/external-link';
import { type Look, State } from '@/ui/state';
import { Tag } from '@/ui/tag';
import { RelativeTime } from '@/ui/time';
import { IntegrationCard } from './integration-card';
import { hasProject } from './project';
import { ShownAtFirst } from './shown-at-first';

const reviewLooks: Record<PullRequest['review'], Look> = {
  pending: { icon: CircleDashed, word: 'Waits for a review', colour: 'text-muted' },
  approved: { icon: CircleCheck, word: 'Approved', colour: 'text-done' },
  changesRequested: { icon: CircleX, word: 'Changes requested', colour: 'text-failed' },
};

/** The open pull requests, or merge requests, of the repository of an entity. */
export function PullRequestsCard({ entity }: { entity: Entity }) {
  if (!hasProject(entity)) return null;
  return (
    <IntegrationCard
      title="Open pull requests"
      needs="portico.pull-request.read"
      query={ofEntityQuery<PullRequest>('pull-requests', refOf(entity))}
    >
      {(pulls) => (
        <ShownAtFirst items={pulls} count={5} more="older ones">
          {(pull) => <Row key={pull.url} pull={pull} />}
        </ShownAtFirst>
      )}
    </IntegrationCard>
  );
}

function Row({ pull }: { pull: PullRequest }) {
  const { number, title, author, draft, review, branch, target, createdAt, url } = pull;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2">
      <div className="min-w-0 grow basis-64">
        <ExternalLink href={url}>{title}</ExternalLink> {draft && <Tag>Draft</Tag>}
        <p className="flex flex-wrap gap-x-3 text-small text-muted">
          <span>#{number}</span>
          {author && <span>by {author}</span>}
          <span className="wrap-anywhere">
            {branch} into {target}
          </span>
          {createdAt && <RelativeTime at={createdAt} />}
        </p>
      </div>
      <State look={reviewLooks[review]} />
    </li>
  );
}
