import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Command } from '@/ui/states';

interface Explanation {
  title: string;
  /** What to do instead. */
  instead: ReactNode;
}

const linkLook = 'text-accent underline';

/** Backstage's pages that the portal does not have, by path. */
const explanations: Record<string, Explanation> = {
  '/create/edit': {
    title: 'Templates are not edited in the portal',
    instead: (
      <>
        <p>Edit a template where it is kept, and check it with the command line:</p>
        <Command>portico catalog validate template.yaml</Command>
        <p>
          What its steps can do is listed under{' '}
          <Link to="/create/actions" className={linkLook}>
            Actions
          </Link>
          .
        </p>
      </>
    ),
  },
  '/catalog-graph': {
    title: 'The whole catalog is not shown as a graph',
    instead: (
      <p>
        The page of an entity shows what is around it as a picture, under Relations. Find the entity in the{' '}
        <Link to="/catalog" className={linkLook}>
          catalog
        </Link>
        .
      </p>
    ),
  },
  '/settings': {
    title: 'There is no page for settings',
    instead: <p>Choose a theme and sign out in the menu under your name, at the top right.</p>,
  },
};

/** The explanation for a path of Backstage, or a path below it, that has no page here. */
export function explanationOf(pathname: string): Explanation | undefined {
  const known = Object.keys(explanations).find((path) => pathname === path || pathname.startsWith(`${path}/`));
  return known === undefined ? undefined : explanations[known];
}
