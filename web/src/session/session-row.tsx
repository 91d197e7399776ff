import { LogOut } from 'lucide-react';
import type { ReactNode } from 'react';
import type { BrowserSession } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { Button } from '@/ui/button';
import { ErrorPanel } from '@/ui/states';
import { Tag } from '@/ui/tag';
import { RelativeTime } from '@/ui/time';

interface SessionRowProps {
  session: BrowserSession;
  /** Whose session it is, where that is not obvious. */
  user?: ReactNode;
  end: (id: string) => Promise<unknown>;
  onEnded: () => unknown;
}

/** A browser that is signed in, with a button that ends its session. */
export function SessionRow({ session, user, end, onEnded }: SessionRowProps) {
  const { id, provider, current, refusedAt, refusal, address } = session;
  const name = browserName(session);
  const ending = useCommand(() => end(id), { onSettled: onEnded });
  return (
    <li className="space-y-2 py-2.5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 grow basis-60 space-y-0.5">
          <p className="flex flex-wrap items-center gap-x-2">
            <span className="font-medium wrap-anywhere" title={session.userAgent}>
              {name}
            </span>
            {current && <Tag>this browser</Tag>}
            {user}
          </p>
          <p className="flex flex-wrap gap-x-3 text-small text-muted">
            <span>{provider}</span>
            {address && <span className="wrap-anywhere">from {address}</span>}
            <span>
              signed in <RelativeTime at={session.startedAt} />
            </span>
            <span>
              last renewed <RelativeTime at={session.renewedAt} />
            </span>
            <span>
              ends <RelativeTime at={session.expiresAt} />
            </span>
          </p>
          {refusedAt && (
            <p className="text-small text-failed">
              Not valid since <RelativeTime at={refusedAt} />: {refusal}.
            </p>
          )}
        </div>
        {!current && (
          <Button icon={LogOut} busy={ending.busy} onClick={ending.start} aria-label={`End the session of ${name}`}>
            End
          </Button>
        )}
      </div>
      {ending.error && <ErrorPanel error={ending.error} doing="end the session" />}
    </li>
  );
}

function browserName({ browser, userAgent }: BrowserSession): string {
  return browser ?? userAgent ?? 'An unknown browser';
}
