import type { GivenCommand, RunDetail } from '@/api/types';
import { EntityLink } from '@/entity/entity-link';
import { RelativeTime } from '@/ui/time';

const verbs: Record<GivenCommand['command'], string> = {
  retry: 'Retried',
  rollback: 'Rolled back',
  cancel: 'Cancelled',
};

/**
 * The commands that people sent to the run, in order, each with the state of the attempt at that moment: a
 * retry removes the error of the attempt before it.
 */
export function Commands({ commands }: Pick<RunDetail, 'commands'>) {
  if (commands.length === 0) return null;
  return (
    <section aria-labelledby="commands" className="flex shrink-0 flex-col panes:max-h-1/3">
      <h2 id="commands" className="border-b pb-1.5">
        What people did
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <ol aria-labelledby="commands" tabIndex={0} className="min-h-0 divide-y overflow-y-auto">
        {commands.map((given) => (
          <li key={`${given.at} ${given.command}`} className="py-1.5">
            <p className="flex flex-wrap items-center gap-x-1.5">
              {verbs[given.command]} by <Giver by={given.by} /> <RelativeTime at={given.at} />
            </p>
            <p className="text-small wrap-anywhere text-muted">{foundBy(given)}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** A user has a page; a service has only a name. */
function Giver({ by }: { by: string }) {
  return by.startsWith('user:') ? <EntityLink entityRef={by} defaultKind="user" /> : <span>{by}</span>;
}

/** The state of the attempt when the command was sent. */
export function foundBy({ attempt, phase, failedStep, failedStepName, error }: GivenCommand): string {
  const step = failedStepName || failedStep;
  const at = step ? ` at “${step}”` : '';
  switch (phase) {
    case 'parked':
      return `Attempt ${attempt} had failed${at}${error ? `: ${error.message}` : '.'}`;
    case 'cancelled':
      return `Attempt ${attempt} had been cancelled${at}.`;
    case 'rolledBack':
      return `Attempt ${attempt} had been rolled back.`;
    case 'done':
      return `Attempt ${attempt} had completed.`;
    default:
      return `Attempt ${attempt} was under way.`;
  }
}
