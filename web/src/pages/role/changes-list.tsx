import { Minus, Pencil, Plus } from 'lucide-react';
import type { Change } from './draft';

const looks: Record<Change['did'], { icon: typeof Plus; word: string }> = {
  added: { icon: Plus, word: 'Added' },
  removed: { icon: Minus, word: 'Removed' },
  changed: { icon: Pencil, word: 'Changed' },
};

/** Differences between two states of a role. */
export function ChangesList({ label, changes }: { label: string; changes: readonly Change[] }) {
  if (changes.length === 0) return <p className="text-muted">Nothing is different.</p>;
  return (
    <ul aria-label={label} className="divide-y">
      {changes.map(({ part, did, what }) => {
        const { icon: Icon, word } = looks[did];
        return (
          <li key={`${part} ${did} ${what}`} className="flex gap-2 py-1.5">
            <Icon size={14} aria-hidden className="mt-1 shrink-0 text-muted" />
            <span className="min-w-0 wrap-anywhere">
              <span className="text-muted">
                {word} {part}:
              </span>{' '}
              {what}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
