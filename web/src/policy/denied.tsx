import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import type { NeededPermission } from '@/api/access';
import { explainQuery } from '@/api/queries';
import type { Explanation } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { Button, type ButtonProps } from '@/ui/button';
import { useMay } from './may';

interface GuardedButtonProps extends ButtonProps {
  /** The permission that the button's command needs. */
  needs: NeededPermission;
}

/** A button whose command needs a permission. Without it, the button says why, and whom to ask. */
export function GuardedButton({ needs, ...button }: GuardedButtonProps) {
  const may = useMay(needs);
  return may ? <Button {...button} /> : <DeniedButton needs={needs}>{button.children}</DeniedButton>;
}

interface DeniedButtonProps {
  needs: NeededPermission;
  children: ReactNode;
}

/** A button of what somebody may not do. Pressing it shows the reason, so it is not disabled for the browser. */
export function DeniedButton({ needs, children }: DeniedButtonProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div className="min-w-0 space-y-1">
      <Button
        icon={Lock}
        aria-expanded={open}
        aria-controls={id}
        title="You may not do this. Press to see why, and whom to ask."
        className="text-muted"
        onClick={() => setOpen(!open)}
      >
        {children}
        <span className="sr-only"> (not allowed)</span>
      </Button>
      <div id={id} role="status">
        {open && <DeniedReason needs={needs} />}
      </div>
    </div>
  );
}

/** A page that somebody may not see. */
export function DeniedPage({ title, needs }: { title: string; needs: NeededPermission }) {
  return (
    <div className="space-y-2">
      <h1 className="text-title wrap-anywhere">{title}</h1>
      <DeniedReason needs={needs} />
    </div>
  );
}

/** Why somebody may not do something, and whom to ask. */
export function DeniedReason({ needs }: { needs: NeededPermission }) {
  const { data } = useQuery(explainQuery(needs));
  return (
    <p className="max-w-[60ch] text-small text-muted wrap-anywhere">
      You may not {needs.permission}
      {needs.resource && ` on ${needs.resource}`}. {data && <WhomToAsk of={data} />}{' '}
      <Link to="/explain" search={needs} className="underline hover:text-ink">
        Why
      </Link>
    </p>
  );
}

/** The owner of the first role that would help, else those who may change roles. */
function WhomToAsk({ of }: { of: Explanation }) {
  const helping = of.changes.find(({ do: what, owner }) => what === 'join' && owner);
  if (helping?.owner) {
    return (
      <>
        Ask <EntityLink entityRef={helping.owner} className="align-bottom" /> for {helping.role}.
      </>
    );
  }
  if (of.maintainers.length === 0) return 'Ask an administrator of this portal.';
  return (
    <>
      Ask{' '}
      {of.maintainers.slice(0, 3).map((who, index) => (
        <span key={who}>
          {index > 0 && ' or '}
          <EntityLink entityRef={who} className="align-bottom" />
        </span>
      ))}
      .
    </>
  );
}
