import { Check } from 'lucide-react';
import { classNames } from '@/ui/class-names';
import { CurrentLink } from '@/ui/tabs';

interface ProgressProps {
  titles: readonly string[];
  current: number;
  /** The last page that may be opened; all pages before it are complete. */
  reachable: number;
}

/** The progress in the form, with the titles of its pages. */
export function Progress({ titles, current, reachable }: ProgressProps) {
  return (
    <nav aria-label="Progress">
      <ol className="flex flex-wrap gap-x-5 gap-y-1 border-b">
        {titles.map((title, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: titles may repeat and pages never move
          <li key={index}>
            <CurrentLink
              from="/create/templates/$namespace/$name"
              search={(search) => ({ ...search, page: index + 1 })}
              disabled={index > reachable}
              current={index === current}
              title={index > reachable ? 'Fill in the pages before it first' : undefined}
              className={classNames(
                '-mb-px flex items-center gap-1.5 border-b-2 py-1.5',
                index === current ? 'border-accent' : 'border-transparent text-muted',
                index <= reachable && 'hover:text-ink',
              )}
            >
              {index < current ? (
                <Check size={14} aria-label="done" className="text-done" />
              ) : (
                <span className="text-small">{index + 1}</span>
              )}
              {title}
            </CurrentLink>
          </li>
        ))}
      </ol>
    </nav>
  );
}
