import { Link, useLocation } from '@tanstack/react-router';
import { Key } from '@/ui/tag';
import { explanationOf } from './explanations';

/** Says that a page does not exist and, for Backstage's pages, what to do instead. */
export function NotFoundPage() {
  const { pathname } = useLocation();
  const { title, instead } = explanationOf(pathname) ?? { title: 'There is no page at this address', instead: null };
  return (
    <div className="max-w-[70ch] space-y-2">
      <h1 className="text-title">{title}</h1>
      <div className="space-y-2 text-muted">
        {instead}
        <p>
          Search with <Key>/</Key>, or start from the{' '}
          <Link to="/" className="text-accent underline">
            home page
          </Link>
          .
        </p>
      </div>
    </div>
  );
}
