import { Link } from '@tanstack/react-router';
import { classNames } from '@/ui/class-names';
import { KindIcon } from './kind-icon';
import { humanizeRef, parseRef } from './ref';

interface EntityLinkProps {
  entityRef: string;
  /** Leaves the kind out of the name when it is this one. */
  defaultKind?: string;
  /** What to call it instead of its name. */
  title?: string;
  className?: string;
}

export function EntityLink({ entityRef, defaultKind, title, className }: EntityLinkProps) {
  const { kind, namespace, name } = parseRef(entityRef);
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
      <span className="min-w-0 truncate">{title ?? humanizeRef(entityRef, defaultKind ?? kind)}</span>
    </Link>
  );
}
