import { ExternalLink as Icon } from 'lucide-react';
import type { ReactNode } from 'react';
import { classNames } from './class-names';

const safeSchemes = ['http:', 'https:', 'mailto:'];

/** Whether a URL from data can be opened without running code in this page. */
export function isSafeUrl(url: string): boolean {
  try {
    return safeSchemes.includes(new URL(url, window.location.origin).protocol);
  } catch {
    return false;
  }
}

interface ExternalLinkProps {
  href: string;
  className?: string;
  children: ReactNode;
}

/** A link out of the portal. A URL with another scheme than http, https and mailto is shown as text. */
export function ExternalLink({ href, className, children }: ExternalLinkProps) {
  if (!isSafeUrl(href)) return <span className={className}>{children}</span>;
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className={classNames('wrap-anywhere text-accent hover:underline', className)}
    >
      {children}
      <Icon size={12} aria-label="(opens in a new tab)" className="ml-1 inline align-baseline" />
    </a>
  );
}
