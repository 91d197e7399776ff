import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { useEffect } from 'react';
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
  const { host, parts } = parseRepoUrl(formData);
  const off = disabled || readonly;
  const { $id: id, path } = fieldPathId;
  const { owner = '', repo = '' } = parts;
  const change = (next: { host?: string; owner?: string; repo?: string }) => {
    const { host: nextHost = host, ...nextParts } = next;
    onChange(formatRepoUrl({ host: nextHost, parts: { ...parts, ...nextParts } }), path);
  };
  const wrong = rawErrors && rawErrors.length > 0 ? wrongPart(formData) : undefined;
  const part = {
    off,
    describedBy: ariaDescribedByIds(id),
    onLeave: () => onBlur(id, formData),
  };

  // Where there is only one choice it is made.
  const onlyHost = !host ? hosts[0] : undefined;
  const onlyOwner = !owner && allowedOwners.length === 1 ? allowedOwners[0] : undefined;
  useEffect(() => {
    if (onlyHost === undefined && onlyOwner === undefined) return;
    const { host: before, parts: others } = parseRepoUrl(formData);
    onChange(
      formatRepoUrl({ host: onlyHost ?? before, parts: { ...others, ...(onlyOwner && { owner: onlyOwner }) } }),
      path,
    );
  }, [onlyHost, onlyOwner, formData, onChange, path]);

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
