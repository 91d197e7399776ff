import type { LucideIcon } from 'lucide-react';
import { classNames } from './class-names';

/** A state as an icon, a word and a colour, never by the colour alone. */
export interface Look {
  icon: LucideIcon;
  word: string;
  colour: string;
  turning?: boolean;
}

export function StateIcon({ look, size = 16 }: { look: Look; size?: number }) {
  return (
    <look.icon size={size} aria-hidden className={classNames('shrink-0', look.colour, look.turning && 'turning')} />
  );
}

interface StateProps {
  look: Look;
  /** The screen width from which the word is shown. Screen readers always read it. */
  wordFrom?: 'sm';
}

export function State({ look, wordFrom }: StateProps) {
  return (
    <span className={classNames('inline-flex items-center gap-1.5', look.colour)}>
      <StateIcon look={look} />
      <span className={classNames('self-baseline', wordFrom === 'sm' && 'max-sm:sr-only')}>{look.word}</span>
    </span>
  );
}
