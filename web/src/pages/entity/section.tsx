import type { ReactNode } from 'react';
import { ExternalLink } from '@/ui/external-link';

interface SectionProps {
  title: string;
  id?: string;
  /** The address of the same thing in another system, to which the heading leads. */
  href?: string | undefined;
  children: ReactNode;
}

export function Section({ title, id, href, children }: SectionProps) {
  return (
    <section aria-label={title} id={id} className="scroll-mt-14">
      <h2 className="border-b pb-1.5">{href ? <ExternalLink href={href}>{title}</ExternalLink> : title}</h2>
      {children}
    </section>
  );
}
