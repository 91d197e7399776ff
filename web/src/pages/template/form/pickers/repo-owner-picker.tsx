import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { wizardContext } from '../context';
import { ChoiceControl } from './choice-input';
import { optionOf, useChoices, useHosts } from './repo-hosts';
import { requestedCredentials, UserCredentials } from './user-credentials';

interface Options {
  host?: string;
  allowedOwners?: string[];
  excludedOwners?: string[];
}

/** An owner of repositories on a host. */
export function RepoOwnerPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { host, allowedOwners = [], excludedOwners = [] } = (uiSchema?.['ui:options'] ?? {}) as Options;
  const { integrations } = wizardContext(props);
  const [choice] = useHosts(host ? [host] : undefined, integrations);
  const { owner: owners } = useChoices(choice, ['owner'], {});
  const { $id: id, path } = fieldPathId;
  const credentials = requestedCredentials(uiSchema);
  return (
    <div className="space-y-2">
      <ChoiceControl
        id={id}
        value={typeof formData === 'string' ? formData : ''}
        choices={allowedOwners.filter((owner) => !excludedOwners.includes(owner))}
        {...(choice?.lists.owner && {
          suggestions: (owners?.choices ?? []).filter(({ value }) => !excludedOwners.includes(value)).map(optionOf),
        })}
        off={disabled || readonly}
        invalid={(rawErrors?.length ?? 0) > 0}
        describedBy={ariaDescribedByIds(id)}
        onChange={(owner) => onChange(owner || undefined, path)}
        onLeave={() => onBlur(id, formData)}
      />
      {credentials && choice && <UserCredentials {...props} requested={credentials} host={choice.host} />}
      {owners?.reason && choice && (
        <p className="text-small text-muted">{`The owners on ${choice.host} are not known: ${owners.reason}.`}</p>
      )}
    </div>
  );
}
