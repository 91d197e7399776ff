import { createLink } from '@tanstack/react-router';
import type { ComponentProps, ReactNode } from 'react';
import { classNames } from './class-names';

interface CurrentAnchorProps extends ComponentProps<'a'> {
  current: boolean;
}

/**
 * The router takes a link for current when its address is part of the page's; among links that differ by their
 * search that is several.
 */
function CurrentAnchor({ current, ...rest }: CurrentAnchorProps) {
  return <a {...rest} aria-current={current ? 'true' : undefined} />;
}

/** A link that is told whether it leads to what is shown. */
export const CurrentLink = createLink(CurrentAnchor);

function TabAnchor({ className, ...rest }: CurrentAnchorProps) {
  return (
    <CurrentAnchor
      {...rest}
      className={classNames(
        'border-b-2 border-transparent py-1.5 whitespace-nowrap text-muted hover:text-ink aria-[current]:border-accent aria-[current]:text-ink',
        className,
      )}
    />
  );
}

/** One of several views of a page, each with its own address. */
export const Tab = createLink(TabAnchor);

export function Tabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={label} className="flex shrink-0 gap-x-4 overflow-x-auto overflow-y-hidden border-b">
      {children}
    </nav>
  );
}
