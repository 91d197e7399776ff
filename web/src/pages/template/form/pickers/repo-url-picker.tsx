import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { classNames } from '@/ui/class-names';
import { wizardContext } from '../context';
import { ChoiceInput } from './choice-input';
import { RepoAvailability } from './repo-availability';
import { optionOf, useChoices, useHosts, usualChoice } from './repo-hosts';
import {
  formatRepoUrl,
  humanizeRepoUrl,
  parseRepoUrl,
  partsOn,
  type RepoOption,
  type RepoPart,
  wrongPart,
} from './repo-url';
import { requestedCredentials, UserCredentials } from './user-credentials';

interface Options extends Partial<Record<RepoOption, string[]>> {
  allowedHosts?: string[];
}

/** The host and the parts of a repository's address, and whether it can be created. */
export function RepoUrlPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const options = (uiSchema?.['ui:options'] ?? {}) as Options;
  const { integrations, createsRepository } = wizardContext(props);
  const hosts = useHosts(options.allowedHosts, integrations);
  const { host: chosenHost, parts } = parseRepoUrl(formData);
  const { $id: id, path } = fieldPathId;
  // A single option is shown as chosen. It becomes part of the value when something is typed, so an untouched
  // optional field stays empty.
  const host = chosenHost || (hosts[0]?.host ?? '');
  const choice = hosts.find((each) => each.host === host);
  const shape = partsOn(host, integrations);
  const allowed = (option: RepoOption | undefined) => (option && options[option]) ?? [];
  const asked = names(
    shape.filter(({ name, option }) => allowed(option).length === 0 && (name !== 'repo' || !createsRepository)),
  );
  const [outermost] = names(shape);
  const first = useChoices(
    choice,
    asked.filter((name) => name === outermost),
    {},
  );
  const presets = Object.fromEntries(
    shape.map((part) => {
      const usual = part.name !== 'repo' ? usualChoice(first[part.name]?.choices ?? []) : undefined;
      return [part.name, only(allowed(part.option)) ?? usual ?? ''];
    }),
  );
  const shown: Record<string, string> = { ...presets, ...parts };
  const inner = useChoices(
    choice,
    asked.filter((name) => name !== outermost),
    shown,
  );
  const listed = { ...first, ...inner };
  const change = (changed: Record<string, string>, nextHost = host) => {
    // Another host has other owners and projects.
    const kept = nextHost === host ? shown : { repo: parts.repo ?? '' };
    const next: Record<string, string> = { ...kept, ...changed };
    const untouched =
      nextHost === hosts[0]?.host && Object.entries(next).every(([name, value]) => !value || value === presets[name]);
    onChange(untouched ? undefined : formatRepoUrl({ host: nextHost, parts: next }), path);
  };
  const value = formatRepoUrl({ host, parts: shown });
  const wrong = (rawErrors?.length ?? 0) > 0 ? wrongPart(value, integrations) : undefined;
  const part = {
    off: disabled || readonly,
    describedBy: ariaDescribedByIds(id),
    onLeave: () => onBlur(id, formData),
  };
  const credentials = requestedCredentials(uiSchema);
  const columns = shape.length + Number(hosts.length > 1);

  return (
    <div className="space-y-2">
      <div className={classNames('grid gap-2', columns === 3 ? 'sm:grid-cols-3' : 'sm:grid-cols-2')}>
        {hosts.length > 1 && (
          <ChoiceInput
            {...part}
            id={`${id}_host`}
            label="Host"
            invalid={wrong === 'host'}
            value={host}
            choices={hosts.map((each) => each.host)}
            remarks={hosts.map(({ remark }) => remark)}
            onChange={(next) => change({}, next)}
          />
        )}
        {shape.map(({ name, label, missing, option }, index) => (
          <ChoiceInput
            {...part}
            key={name}
            // The label of the whole field is that of its first part.
            id={index === 0 ? id : `${id}_${name}`}
            label={missing === undefined ? `${label} (optional)` : label}
            invalid={wrong === name}
            value={shown[name] ?? ''}
            choices={allowed(option)}
            {...(choice?.lists[name] &&
              (name !== 'repo' || !createsRepository) && { suggestions: (listed[name]?.choices ?? []).map(optionOf) })}
            onChange={(next) => change({ [name]: next })}
          />
        ))}
      </div>
      <RepoAvailability
        host={choice?.tellsNames ? host : ''}
        owner={shown.owner ?? ''}
        name={shown.repo ?? ''}
        words={humanizeRepoUrl(value)}
        creates={createsRepository}
      />
      {credentials && host && <UserCredentials {...props} requested={credentials} host={host} />}
      {choice?.remark && !credentials && (
        <p className="text-small text-waiting">
          {choice.remark === 'not configured'
            ? `Portico is not configured for ${host}.`
            : `Portico has no credentials for ${host}: it can create a repository there only with a token of the template.`}
        </p>
      )}
      {shape.map(
        ({ name, label }) =>
          listed[name]?.reason && (
            <p key={name} className="text-small text-muted">
              {`${label}: the values on ${host} are not known: ${listed[name].reason}.`}
            </p>
          ),
      )}
      {hosts.length === 0 && (
        <p className="text-failed">
          No Git host is configured. The operator of Portico can add one under{' '}
          <code className="font-mono">integrations</code>.
        </p>
      )}
    </div>
  );
}

function names(parts: readonly RepoPart[]): string[] {
  return parts.map(({ name }) => name);
}

function only(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined;
}
