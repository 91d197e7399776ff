import { useTitle } from '@/entity/titles';
import { useEntityOptions } from '@/entity/use-entity-options';
import { Combobox } from '@/ui/combobox';
import { Input, Textarea } from '@/ui/input';
import type { Draft, Problems } from './draft';
import { Field } from './field';

/** The kinds that can have a role, or own one. */
export const holders = ['kind=group', 'kind=user'];

interface DetailsFieldsProps {
  draft: Draft;
  problems: Problems | undefined;
  onChange: (part: Partial<Draft>) => void;
}

/** Name, description and owner. */
export function DetailsFields({ draft, problems, onChange }: DetailsFieldsProps) {
  return (
    <div className="grid gap-x-6 gap-y-2 sm:grid-cols-2">
      <Field label="Name" help="Its namespace and name, such as default/developers." problem={problems?.name}>
        {(id, about) => (
          <Input
            id={id}
            aria-describedby={about}
            aria-invalid={problems?.name !== undefined}
            value={draft.name}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange({ name: event.target.value.trim() })}
          />
        )}
      </Field>
      <Field label="Owner" help="Whom to ask about the role." problem={problems?.owner}>
        {(id, about) => (
          <Owner
            id={id}
            about={about}
            owner={draft.owner}
            invalid={problems?.owner !== undefined}
            onChange={(owner) => onChange({ owner })}
          />
        )}
      </Field>
      <div className="sm:col-span-2">
        <Field label="Description" help="What it is for, and who should have it.">
          {(id, about) => (
            <Textarea
              id={id}
              aria-describedby={about}
              rows={2}
              value={draft.description}
              onChange={(event) => onChange({ description: event.target.value })}
            />
          )}
        </Field>
      </div>
    </div>
  );
}

interface OwnerProps {
  id: string;
  about: string;
  owner: string;
  invalid: boolean;
  onChange: (owner: string) => void;
}

function Owner({ id, about, owner, invalid, onChange }: OwnerProps) {
  const { options, more, loading, failed, search } = useEntityOptions(holders);
  const title = useTitle(owner.includes(':') ? owner : undefined);
  return (
    <Combobox
      id={id}
      options={options}
      more={more}
      chosen={title ?? owner}
      onSearch={search}
      onChoose={(value) => onChange(value ?? '')}
      free
      loading={loading}
      failed={failed}
      invalid={invalid}
      describedBy={about}
    />
  );
}
