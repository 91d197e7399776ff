import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { useState } from 'react';
import { Combobox, type Option } from '@/ui/combobox';
import { Input, Select } from '@/ui/input';
import { wizardContext } from '../context';
import { RepoAvailability } from './repo-availability';
import { useHosts, useOwners, usualOwner } from './repo-hosts';
import { formatRepoUrl, humanizeRepoUrl, parseRepoUrl, wrongPart } from './repo-url';

interface Options {
  allowedHosts?: string[];
  allowedOwners?: string[];
  allowedRepos?: string[];
}

/** The host, owner and name of a repository, and whether it can be created. */
export function RepoUrlPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { allowedHosts, allowedOwners = [], allowedRepos = [] } = (uiSchema?.['ui:options'] ?? {}) as Options;
  const { integrations, createsRepository } = wizardContext(props);
  const hosts = useHosts(allowedHosts, integrations);
  const { host: chosenHost, parts } = parseRepoUrl(formData);
  const off = disabled || readonly;
  const { $id: id, path } = fieldPathId;
  // A single option is shown as chosen. It becomes part of the value when something is typed, so an untouched
  // optional field stays empty.
  const host = chosenHost || (hosts[0]?.host ?? '');
  const choice = hosts.find((each) => each.host === host);
  const { owners, reason } = useOwners(choice);
  const onlyOwner = allowedOwners.length > 0 ? only(allowedOwners) : usualOwner(owners);
  const owner = parts.owner ?? onlyOwner ?? '';
  const { repo = '' } = parts;
  const change = ({ host: nextHost = host, ...changed }: { host?: string; owner?: string; repo?: string }) => {
    // Another host has other owners.
    const kept = nextHost === host ? { ...parts, owner } : { ...parts, owner: '' };
    const next: Record<string, string> = { ...kept, ...changed };
    const untouched =
      nextHost === hosts[0]?.host &&
      Object.entries(next).every(([name, value]) => !value || (name === 'owner' && value === onlyOwner));
    onChange(untouched ? undefined : formatRepoUrl({ host: nextHost, parts: next }), path);
  };
  const invalid = rawErrors !== undefined && rawErrors.length > 0;
  const value = formatRepoUrl({ host, parts: { ...parts, owner } });
  const wrong = invalid ? wrongPart(value) : undefined;
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
            choices={hosts.map((each) => each.host)}
            remarks={hosts.map(({ remark }) => remark)}
            onChange={(next) => change({ host: next })}
          />
        )}
        <Part
          {...part}
          id={id}
          label="Owner"
          invalid={wrong === 'owner'}
          value={owner}
          choices={allowedOwners}
          suggestions={owners.map(({ name, kind }) => ({ value: name, title: name, hint: kind }))}
          onChange={(next) => change({ owner: next })}
        />
        <Part
          {...part}
          id={`${id}_repo`}
          label="Name"
          invalid={wrong === 'repo'}
          value={repo}
          choices={allowedRepos}
          onChange={(next) => change({ repo: next })}
        />
      </div>
      <RepoAvailability
        host={choice?.tellsOwners ? host : ''}
        owner={owner}
        name={repo}
        words={humanizeRepoUrl(value)}
        creates={createsRepository}
      />
      {choice?.remark && (
        <p className="text-small text-waiting">
          {choice.remark === 'not configured'
            ? `Portico is not configured for ${host}.`
            : `Portico has no credentials for ${host}: it can create a repository there only with a token of the template.`}
        </p>
      )}
      {reason && <p className="text-small text-muted">{`The owners on ${host} are not known: ${reason}.`}</p>}
      {hosts.length === 0 && (
        <p className="text-failed">
          No Git host is configured. The operator of Portico can add one under{' '}
          <code className="font-mono">integrations</code>.
        </p>
      )}
    </div>
  );
}

function only(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined;
}

interface PartProps {
  id: string;
  label: string;
  value: string;
  /** The values that the template allows; empty allows any. */
  choices: readonly string[];
  /** The note behind each option. */
  remarks?: readonly (string | undefined)[];
  /** The suggestions. */
  suggestions?: readonly Option[];
  off: boolean | undefined;
  invalid: boolean;
  describedBy: string;
  onChange: (value: string) => void;
  onLeave: () => void;
}

function Part(props: PartProps) {
  const { id, label } = props;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small text-muted">
        {label}
      </label>
      <Control {...props} />
    </div>
  );
}

/** A list of the allowed values, or a text box with suggestions. */
function Control({ id, value, choices, remarks = [], suggestions, off, invalid, describedBy, ...props }: PartProps) {
  const shared = {
    id,
    value,
    disabled: off,
    'aria-invalid': invalid || undefined,
    'aria-describedby': describedBy,
    onBlur: props.onLeave,
    onChange: (event: { target: { value: string } }) => props.onChange(event.target.value),
  };
  if (choices.length > 0) {
    return (
      <Select {...shared}>
        {!choices.includes(value) && <option value={value}>{value || 'Choose …'}</option>}
        {choices.map((choice, index) => (
          <option key={choice} value={choice}>
            {remarks[index] ? `${choice} (${remarks[index]})` : choice}
          </option>
        ))}
      </Select>
    );
  }
  if (!suggestions) return <Input {...shared} autoComplete="off" spellCheck={false} />;
  return (
    <Suggesting
      id={id}
      value={value}
      suggestions={suggestions}
      off={off}
      invalid={invalid}
      describedBy={describedBy}
      onChange={props.onChange}
      onLeave={props.onLeave}
    />
  );
}

type SuggestingProps = Omit<PartProps, 'label' | 'choices' | 'remarks' | 'suggestions'> & {
  suggestions: readonly Option[];
};

function Suggesting({ id, value, suggestions, off, invalid, describedBy, onChange, onLeave }: SuggestingProps) {
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  // The typed text is the value at once; meanwhile the form checks whether the name is free.
  const search = (next: string) => {
    setText(next);
    if (next.trim()) onChange(next.trim());
  };
  return (
    <Combobox
      free
      id={id}
      options={suggestions.filter(({ title }) => title.toLowerCase().includes(wanted))}
      chosen={value}
      onSearch={search}
      onChoose={(next) => onChange(next ?? '')}
      onLeave={onLeave}
      disabled={off}
      invalid={invalid}
      describedBy={describedBy}
    />
  );
}
