import { Star } from 'lucide-react';
import { classNames } from '@/ui/class-names';
import { useStarred, useToggleStar } from './bookmarks';

export function StarButton({ entityRef, title }: { entityRef: string; title: string }) {
  const starred = useStarred().includes(entityRef);
  const toggleStar = useToggleStar();
  return (
    <button
      type="button"
      aria-pressed={starred}
      aria-label={`Star ${title}`}
      title={starred ? 'Starred: on your home page' : 'Star: put it on your home page'}
      onClick={() => toggleStar(entityRef)}
      className="inline-flex size-8 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink"
    >
      <Star size={16} aria-hidden className={classNames(starred && 'fill-current text-ink')} />
    </button>
  );
}
