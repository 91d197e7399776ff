import { CircleX } from 'lucide-react';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import type { Wanted } from './container-log';
import type { Trouble } from './troubles';

interface TroubleListProps {
  of: readonly Trouble[];
  onLog: (wanted: Wanted) => void;
}

/** What is wrong, with its reason, and the log that may say more. */
export function TroubleList({ of, onLog }: TroubleListProps) {
  if (of.length === 0) return null;
  return (
    <ul aria-label="What is wrong" className="divide-y border-y">
      {of.map(({ about, reason, message, others, log }) => (
        <li key={`${about} ${reason} ${message}`} className="flex gap-2 py-2">
          <CircleX size={16} aria-label="error" className="mt-0.5 shrink-0 text-failed" />
          <div className="min-w-0 grow wrap-anywhere">
            <p>
              <span className="font-medium">{reason}</span> <span className="text-muted">{about}</span>
              {others > 0 && <span className="text-muted"> and {plural(others, 'other pod')}</span>}
            </p>
            <p>{message}</p>
          </div>
          {log && (
            <Button tone="quiet" className="self-start" aria-label={`Log of ${about}`} onClick={() => onLog(log)}>
              Log
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
