import { useQuery } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { pluginPoliciesQuery } from '@/api/queries';
import type { PluginPolicies } from '@/api/types';
import { Button, IconButton } from '@/ui/button';
import { Combobox, type Option } from '@/ui/combobox';
import { Select } from '@/ui/input';
import { ErrorPanel } from '@/ui/states';
import type { PolicyDraft } from './draft';
import { Section } from './field';
import { NoPlugins } from './no-plugins';

const actions = ['create', 'read', 'update', 'delete', 'use'];

interface PoliciesFieldProps {
  policies: readonly PolicyDraft[];
  problem: string | undefined;
  onChange: (policies: PolicyDraft[]) => void;
}

/** The permissions that a role allows and denies everywhere. */
export function PoliciesField({ policies, problem, onChange }: PoliciesFieldProps) {
  const { data: plugins, error, refetch } = useQuery(pluginPoliciesQuery);
  const options = optionsOf(plugins ?? []);
  const replace = (index: number, policy: PolicyDraft) =>
    onChange(policies.map((old, at) => (at === index ? policy : old)));
  return (
    <Section
      title="Policies"
      help="Permissions on everything. A denial of any role is stronger than what others allow."
      problem={problem}
    >
      {error && !plugins && (
        <ErrorPanel error={error} doing="list the permissions of plugins" onRetry={() => refetch()} />
      )}
      {plugins?.length === 0 && <NoPlugins lists="permissions" until="permissions have to be typed" />}
      <ul aria-label="Policies" className="space-y-2">
        {policies.map((policy, index) => (
          <Row
            // biome-ignore lint/suspicious/noArrayIndexKey: rows are controlled, and have no other identity
            key={index}
            place={index + 1}
            policy={policy}
            options={options}
            plugins={plugins ?? []}
            invalid={problem !== undefined && policy.permission === ''}
            onChange={(changed) => replace(index, changed)}
            onRemove={() => onChange(policies.filter((_, at) => at !== index))}
          />
        ))}
      </ul>
      <Button icon={Plus} onClick={() => onChange([...policies, { permission: '', action: 'read', effect: 'allow' }])}>
        Add a policy
      </Button>
    </Section>
  );
}

/** All permissions and resource types, with what they are about. */
function optionsOf(plugins: readonly PluginPolicies[]): Option[] {
  return plugins.flatMap(({ pluginId, policies }) => {
    const types = [...new Set(policies.flatMap(({ resourceType = '' }) => resourceType || []))];
    return [
      ...types.map((type) => ({ value: type, title: type, hint: `resource type of ${pluginId}` })),
      ...policies.map(({ name, policy }) => ({ value: name, title: name, hint: policy })),
    ];
  });
}

interface PermissionPickerProps {
  label: string;
  permission: string;
  options: readonly Option[];
  invalid: boolean;
  onChange: (permission: string) => void;
}

function PermissionPicker({ label, permission, options, invalid, onChange }: PermissionPickerProps) {
  const [text, search] = useState('');
  const term = text.trim().toLowerCase();
  return (
    <Combobox
      label={label}
      free
      options={options.filter(({ value }) => value.toLowerCase().includes(term))}
      chosen={permission}
      onSearch={search}
      onChoose={(value) => onChange(value ?? '')}
      placeholder="A permission or a resource type"
      invalid={invalid}
      // A row that was just added is the next thing to fill in.
      autoFocus={permission === ''}
    />
  );
}

interface RowProps {
  place: number;
  policy: PolicyDraft;
  options: readonly Option[];
  plugins: readonly PluginPolicies[];
  invalid: boolean;
  onChange: (policy: PolicyDraft) => void;
  onRemove: () => void;
}

function Row({ place, policy, options, plugins, invalid, onChange, onRemove }: RowProps) {
  const possible = actionsOf(policy.permission, plugins);
  const choose = (permission: string) => {
    const fitting = actionsOf(permission, plugins);
    const action = fitting.includes(policy.action) ? policy.action : (fitting[0] ?? policy.action);
    onChange({ ...policy, permission, action });
  };
  return (
    <li className="flex flex-wrap items-center gap-2">
      <div className="w-24">
        <Select
          aria-label={`Effect of policy ${place}`}
          value={policy.effect}
          onChange={(event) => onChange({ ...policy, effect: event.target.value === 'deny' ? 'deny' : 'allow' })}
        >
          <option value="allow">allow</option>
          <option value="deny">deny</option>
        </Select>
      </div>
      <div className="min-w-48 flex-1">
        <PermissionPicker
          label={`Permission of policy ${place}`}
          permission={policy.permission}
          options={options}
          invalid={invalid}
          onChange={choose}
        />
      </div>
      <div className="w-28">
        <Select
          aria-label={`Action of policy ${place}`}
          value={policy.action}
          onChange={(event) => onChange({ ...policy, action: event.target.value })}
        >
          {possible.map((action) => (
            <option key={action}>{action}</option>
          ))}
        </Select>
      </div>
      <IconButton icon={X} label={`Remove policy ${place}`} onClick={onRemove} />
    </li>
  );
}

/** The actions of a permission, or of the permissions on a resource type; all of them for an unknown one. */
function actionsOf(permission: string, plugins: readonly PluginPolicies[]): string[] {
  const fitting = plugins
    .flatMap(({ policies }) => policies)
    .filter(({ name, resourceType }) => name === permission || resourceType === permission);
  const found = actions.filter((action) => fitting.some(({ policy }) => policy === action));
  return found.length > 0 ? found : actions;
}
