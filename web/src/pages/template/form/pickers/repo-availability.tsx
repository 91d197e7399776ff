import { useQuery } from '@tanstack/react-query';
import { Check, CircleAlert, type LucideIcon } from 'lucide-react';
import { availabilityQuery } from '@/api/queries';
import type { Availability } from '@/api/types';
import { useSettled } from '@/ui/use-settled';

/** The delay after the last keystroke before a request to the host, in milliseconds. */
const pause = 400;

interface RepoAvailabilityProps {
  host: string;
  owner: string;
  name: string;
  /** The repository as owner/name. */
  words: string;
  /**
   * Whether the template creates the repository: an existing one is then an error, and otherwise required.
   */
  creates: boolean;
}

/** Shows whether the named repository can be created. */
export function RepoAvailability({ host, owner, name, words, creates }: RepoAvailabilityProps) {
  const asked = useSettled(`${host} ${owner} ${name}`, pause) === `${host} ${owner} ${name}`;
  const complete = host !== '' && owner !== '' && name !== '';
  const { data, isFetching } = useQuery({ ...availabilityQuery(host, owner, name), enabled: complete && asked });
  const said = data && verdict(data, creates);
  const looking = complete && (!asked || isFetching) && !data;
  return (
    <p role="status" className="flex min-h-4 items-start gap-1.5 text-small wrap-anywhere text-muted">
      {said?.icon && <said.icon size={14} aria-hidden className={`mt-px shrink-0 ${said.colour}`} />}
      <span>
        {(owner || name) && <code className="font-mono">{words}</code>}
        {looking && ' …'}
        {said && <span className={said.colour}> {said.text}</span>}
      </span>
    </p>
  );
}

interface Verdict {
  text: string;
  colour: string;
  icon: LucideIcon | undefined;
}

/** The message for a response about a repository's name. */
export function verdict({ state, reason }: Availability, creates: boolean): Verdict {
  const good: Pick<Verdict, 'colour' | 'icon'> = { colour: 'text-done', icon: Check };
  const bad: Pick<Verdict, 'colour' | 'icon'> = { colour: 'text-failed', icon: CircleAlert };
  const because = reason ? `: ${reason}` : '';
  switch (state) {
    case 'available':
      return creates ? { ...good, text: 'is free' } : { ...bad, text: 'is not there' };
    case 'taken':
      return creates ? { ...bad, text: 'is there already: choose another name' } : { ...good, text: 'is there' };
    case 'refused':
      return creates ? { ...bad, text: `cannot be made${because}` } : { ...bad, text: 'is not there' };
    case 'unknown':
      return { text: `could not be looked up${because}`, colour: 'text-muted', icon: undefined };
  }
}
