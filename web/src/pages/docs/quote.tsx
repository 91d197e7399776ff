import { useQuery } from '@tanstack/react-query';
import { MessageSquareQuote } from 'lucide-react';
import { infoQuery } from '@/api/queries';
import type { Selected } from '@/docs/article';
import { issueAddress } from '@/docs/issue';
import { buttonLook } from '@/ui/button';

interface QuoteProps {
  selected: Selected;
  edit: string;
  title: string;
}

/** Beside a selected text: a link to a new issue that quotes it. */
export function Quote({ selected: { text, left, bottom }, edit, title }: QuoteProps) {
  const { data: info } = useQuery(infoQuery);
  const types = Object.fromEntries((info?.integrations ?? []).map(({ host, type }) => [host, type]));
  const address = issueAddress({ edit, page: window.location.href, title, text }, types);
  if (!address) return null;
  return (
    <a
      href={address}
      target="_blank"
      rel="noreferrer"
      className={buttonLook('plain', 'fixed z-30 shadow-float print:hidden')}
      style={{
        left: Math.max(8, Math.min(left, window.innerWidth - 240)),
        top: Math.min(bottom + 8, window.innerHeight - 48),
      }}
    >
      <MessageSquareQuote size={16} aria-hidden /> Open an issue about this
    </a>
  );
}
