import { Link } from '@tanstack/react-router';
import { classNames } from '@/ui/class-names';
import { KindIcon } from './kind-icon';
import { humanizeRef, parseRef } from './ref';
import { useTitle } from './titles';

interface EntityLinkProps {
  entityRef: string;
  /** The kind that is left out of the name. */
  defaultKind?: string;
  /** The title, if known. Otherwise it is requested, and the name is shown meanwhile. */
  title?: string | undefined;
  className?: string;
}

/** A link to an entity with its title; the reference is shown on hover. */
export function EntityLink({ entityRef, defaultKind, title, className }: EntityLinkProps) {
  const { kind, namespace, name } = parseRef(entityRef);
  const found = useTitle(title === undefined ? entityRef : undefined);
  return (
    <Link
      to="/catalog/$namespace/$kind/$name"
      params={{ kind, namespace, name }}
      title={entityRef}
      className={classNames(
        'inline-flex max-w-full min-w-0 items-center gap-1.5 hover:text-accent hover:underline',
        className,
      )}
    >
      <KindIcon kind={kind} />
      <span className="min-w-0 self-baseline truncate">
        {title ?? found ?? humanizeRef(entityRef, defaultKind ?? kind)}
      </span>
    </Link>
  );
}
