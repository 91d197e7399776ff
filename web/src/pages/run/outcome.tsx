import { Link } from '@tanstack/react-router';
import { ArrowUpRight } from 'lucide-react';
import type { OutputLink, RunOutput } from '@/api/types';
import { KindIcon } from '@/entity/kind-icon';
import { humanizeRef, parseRef } from '@/entity/ref';
import { buttonLook } from '@/ui/button';
import { isSafeUrl } from '@/ui/external-link';
import { Markdown } from '@/ui/markdown';

/** The output of a completed run: first the links, then the texts. */
export function Outcome({ output }: { output: RunOutput | undefined }) {
  const links = output?.links ?? [];
  const texts = output?.text ?? [];
  if (links.length === 0 && texts.length === 0) return null;
  return (
    <section aria-label="Result" className="space-y-3">
      {links.length > 0 && (
        <div className="flex flex-wrap gap-2">
          {links.map((link) => (
            <ResultLink key={`${link.title} ${link.url ?? link.entityRef}`} link={link} />
          ))}
        </div>
      )}
      {texts.map((text) => (
        <details key={`${text.title} ${text.content}`} open={text.default ?? texts.length === 1}>
          <summary className="font-medium">{text.title ?? 'Note'}</summary>
          <div className="mt-1">
            <Markdown>{text.content}</Markdown>
          </div>
        </details>
      ))}
    </section>
  );
}

const linkLook = buttonLook('plain', 'max-w-full');

function ResultLink({ link: { title, url, entityRef } }: { link: OutputLink }) {
  if (entityRef) {
    const { kind, namespace, name } = parseRef(entityRef);
    return (
      <Link to="/catalog/$namespace/$kind/$name" params={{ kind, namespace, name }} className={linkLook}>
        <KindIcon kind={kind} />
        <span className="min-w-0 truncate">{title ?? humanizeRef(entityRef, kind)}</span>
      </Link>
    );
  }
  if (!url || !isSafeUrl(url)) return null;
  return (
    <a href={url} target="_blank" rel="noreferrer" className={linkLook}>
      <span className="min-w-0 truncate">{title ?? url}</span>
      <ArrowUpRight size={14} aria-label="(opens in a new tab)" className="shrink-0 text-muted" />
    </a>
  );
}
