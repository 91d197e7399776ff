import { X } from 'lucide-react';
import { EntityLink } from '@/entity/entity-link';
import { useEntityOptions } from '@/entity/use-entity-options';
import { IconButton } from '@/ui/button';
import { Combobox } from '@/ui/combobox';
import { ErrorPanel } from '@/ui/states';
import { holders } from './details-fields';
import { isHolder } from './draft';
import { Field, Section } from './field';
import { MemberPeople } from './member-people';

interface MembersFieldProps {
  members: readonly string[];
  problem: string | undefined;
  onChange: (members: string[]) => void;
}

/** Users and groups, found in the catalog. */
export function MembersField({ members, problem, onChange }: MembersFieldProps) {
  const { options, more, loading, failed, error, retry, search } = useEntityOptions(holders);
  const add = (value: string | undefined) => {
    const ref = value?.toLowerCase();
    if (ref && isHolder(ref) && !members.includes(ref)) onChange([...members, ref]);
  };
  return (
    <Section title="Members" help="They have the role, and so have the people of groups and of the groups below.">
      <ul aria-label="Members" className="divide-y">
        {members.map((member) => (
          <li key={member} className="flex flex-wrap items-center gap-x-3 py-0.5">
            <EntityLink entityRef={member} />
            <MemberPeople member={member} />
            <span className="grow" />
            <IconButton
              icon={X}
              label={`Remove ${member}`}
              onClick={() => onChange(members.filter((other) => other !== member))}
            />
          </li>
        ))}
      </ul>
      {error && <ErrorPanel error={error} doing="find users and groups" onRetry={retry} />}
      <Field label="Add a user or group" help="Type to find." problem={problem}>
        {(id, about) => (
          <Combobox
            multiple
            free
            id={id}
            options={options.filter(({ value }) => !members.includes(value))}
            more={more}
            chosen=""
            onSearch={search}
            onChoose={add}
            loading={loading}
            failed={failed}
            placeholder="Add …"
            invalid={problem !== undefined}
            describedBy={about}
          />
        )}
      </Field>
    </Section>
  );
}
