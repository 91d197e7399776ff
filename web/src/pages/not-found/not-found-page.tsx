import { Link } from '@tanstack/react-router';
import { Key } from '@/ui/tag';

export function NotFoundPage() {
  return (
    <div className="space-y-2">
      <h1 className="text-title">There is no page at this address</h1>
      <p className="text-muted">
        Search with <Key>/</Key>, or start from the{' '}
        <Link to="/" className="text-accent underline">
          home page
        </Link>
        .
      </p>
    </div>
  );
}
