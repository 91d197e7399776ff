import { Link } from '@tanstack/react-router';
import { X } from 'lucide-react';
import type { Entity } from '@/api/types';
import { displayName, parseRef, refOf } from '@/entity/ref';
import { type Draft, dropDraft, useDrafts } from '@/template/draft';
import { usualName } from '@/template/usual-name';
import { IconButton } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { rowLink } from '@/ui/row-link';
import { RelativeTime } from '@/ui/time';

interface DraftsProps {
  user: string;
  templates: readonly Entity[];
}

/** Forms that were filled in but not submitted. */
export function Drafts({ user, templates }: DraftsProps) {
  const titles = new Map(templates.map((template) => [refOf(template), displayName(template)]));
  const drafts = useDrafts(user).filter(({ templateRef }) => titles.has(templateRef));
  if (drafts.length === 0) return null;
  return (
    <section aria-label="Drafts" className="grid grid-cols-1 gap-x-8 border-t md:grid-cols-[140px_minmax(0,1fr)]">
      <h2 className="pt-3">Drafts</h2>
      <ul className="divide-y">
        {drafts.map((draft) => (
          <Row key={draft.templateRef} user={user} draft={draft} title={titles.get(draft.templateRef) ?? ''} />
        ))}
      </ul>
    </section>
  );
}

function Row({ user, draft, title }: { user: string; draft: Draft; title: string }) {
  const { namespace, name } = parseRef(draft.templateRef, 'template');
  const subject = usualName(draft.values);
  return (
    <li className="relative -mx-3 flex items-center gap-3 px-3 py-2 has-[a:hover]:bg-hover">
      <Link
        to="/create/templates/$namespace/$name"
        params={{ namespace, name }}
        className={classNames('min-w-0 truncate', rowLink)}
      >
        {title}
        {subject && <span className="text-muted"> · {subject}</span>}
      </Link>
      <span className="ml-auto shrink-0 text-small text-muted">
        <RelativeTime at={new Date(draft.at).toISOString()} />
      </span>
      <span className="relative -my-1">
        <IconButton
          icon={X}
          label={`Discard the draft of ${title}`}
          onClick={() => dropDraft(user, draft.templateRef)}
        />
      </span>
    </li>
  );
}
