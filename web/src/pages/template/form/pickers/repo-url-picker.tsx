import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { Input, Select } from '@/ui/input';
import { wizardContext } from '../context';
import { formatRepoUrl, humanizeRepoUrl, parseRepoUrl, wrongPart } from './repo-url';

interface Options {
  allowedHosts?: string[];
  allowedOwners?: string[];
  allowedRepos?: string[];
}

/** Where a repository will be: its host, owner and name. */
export function RepoUrlPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { allowedHosts, allowedOwners = [], allowedRepos = [] } = (uiSchema?.['ui:options'] ?? {}) as Options;
  const { integrations } = wizardContext(props);
  const hosts = allowedHosts ?? integrations.map(({ host }) => host);
  const { host: chosenHost, parts } = parseRepoUrl(formData);
  const off = disabled || readonly;
  const { $id: id, path } = fieldPathId;
  // What there is no choice about is shown as chosen. It becomes a value together with what is typed: a field that
  // nobody touched stays empty, and may be left so when it is optional.
  const host = chosenHost || (hosts[0] ?? '');
  const onlyOwner = allowedOwners.length === 1 ? allowedOwners[0] : undefined;
  const owner = parts.owner ?? onlyOwner ?? '';
  const { repo = '' } = parts;
  const change = ({ host: nextHost = host, ...changed }: { host?: string; owner?: string; repo?: string }) => {
    const next = { ...parts, owner, ...changed };
    const untouched = nextHost === hosts[0] && Object.values(next).every((value) => !value || value === onlyOwner);
    onChange(untouched ? undefined : formatRepoUrl({ host: nextHost, parts: next }), path);
  };
  const invalid = rawErrors !== undefined && rawErrors.length > 0;
  const wrong = invalid ? wrongPart(formatRepoUrl({ host, parts: { ...parts, owner } })) : undefined;
  const part = {
    off,
    describedBy: ariaDescribedByIds(id),
    onLeave: () => onBlur(id, formData),
  };

  return (
    <div className="space-y-2">
      <div className="grid gap-2 sm:grid-cols-3">
        {hosts.length > 1 && (
          <Part
            {...part}
            id={`${id}_host`}
            label="Host"
            invalid={wrong === 'host'}
            value={host}
            choices={hosts}
            onChange={(value) => change({ host: value })}
          />
        )}
        <Part
          {...part}
          id={id}
          label="Owner"
          invalid={wrong === 'owner'}
          value={owner}
          choices={allowedOwners}
          onChange={(value) => change({ owner: value })}
        />
        <Part
          {...part}
          id={`${id}_repo`}
          label="Name"
          invalid={wrong === 'repo'}
          value={repo}
          choices={allowedRepos}
          onChange={(value) => change({ repo: value })}
        />
      </div>
      {(owner || repo) && (
        <p className="text-small wrap-anywhere text-muted">
          <code className="font-mono">{humanizeRepoUrl(formData)}</code>
        </p>
      )}
      {hosts.length === 0 && (
        <p className="text-failed">
          No Git host is configured. Whoever runs Portico can add one under{' '}
          <code className="font-mono">integrations</code>.
        </p>
      )}
    </div>
  );
}

interface PartProps {
  id: string;
  label: string;
  value: string;
  /** What the template allows; anything when empty. */
  choices: readonly string[];
  off: boolean | undefined;
  invalid: boolean;
  describedBy: string;
  onChange: (value: string) => void;
  onLeave: () => void;
}

function Part({ id, label, value, choices, off, invalid, describedBy, onChange, onLeave }: PartProps) {
  const shared = {
    id,
    value,
    disabled: off,
    'aria-invalid': invalid || undefined,
    'aria-describedby': describedBy,
    onBlur: onLeave,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small text-muted">
        {label}
      </label>
      {choices.length > 0 ? (
        <Select {...shared}>
          {!choices.includes(value) && <option value={value}>{value || 'Choose …'}</option>}
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </Select>
      ) : (
        <Input {...shared} autoComplete="off" spellCheck={false} />
      )}
    </div>
  );
}
