import { createLink } from '@tanstack/react-router';
import { type ComponentProps, type ReactNode, useEffect, useRef } from 'react';
import { classNames } from './class-names';

interface CurrentAnchorProps extends ComponentProps<'a'> {
  current: boolean;
}

/**
 * The router considers a link current when its URL is a part of the page's; several links that differ only in
 * their search would be current.
 */
function CurrentAnchor({ current, ...rest }: CurrentAnchorProps) {
  return <a {...rest} aria-current={current ? 'true' : undefined} />;
}

/** A link with an explicit current state. */
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
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen they scroll, and the current one may be out of sight.
  useEffect(() => {
    const current = nav.current?.querySelector('[aria-current]');
    if (!nav.current || !(current instanceof HTMLElement)) return;
    const { offsetLeft, offsetWidth } = current;
    const { scrollLeft, clientWidth } = nav.current;
    const end = offsetLeft + offsetWidth - clientWidth;
    if (scrollLeft < end) nav.current.scrollLeft = end;
    else if (scrollLeft > offsetLeft) nav.current.scrollLeft = offsetLeft;
  });
  return (
    <nav
      ref={nav}
      aria-label={label}
      className="relative flex shrink-0 gap-x-4 overflow-x-auto overflow-y-hidden border-b"
    >
      {children}
    </nav>
  );
}
