import { useQuery } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { useId } from 'react';
import { pluginPoliciesQuery, pluginRulesQuery } from '@/api/queries';
import type { PluginPolicies, PluginRules } from '@/api/types';
import { Button, IconButton } from '@/ui/button';
import { Select } from '@/ui/input';
import { ErrorPanel } from '@/ui/states';
import { newRule } from './criteria';
import { CriteriaField } from './criteria-field';
import { type ConditionDraft, type ConditionProblems, type Mapping, newCondition } from './draft';
import { ProblemText, Section } from './field';
import { NoPlugins } from './no-plugins';

interface ConditionsFieldProps {
  conditions: readonly ConditionDraft[];
  problems: ReadonlyMap<number, ConditionProblems>;
  /** Whether the form was sent once, so that missing values are named. */
  tried: boolean;
  onChange: (conditions: ConditionDraft[]) => void;
}

/** What a role allows on resources that meet criteria. */
export function ConditionsField({ conditions, problems, tried, onChange }: ConditionsFieldProps) {
  const { data: rules, error: noRules, refetch: readRules } = useQuery(pluginRulesQuery);
  const { data: policies = [] } = useQuery(pluginPoliciesQuery);
  const types = resourceTypesOf(rules ?? []);
  const [first] = types;
  return (
    <Section
      title="Conditions"
      help="Permissions on resources that meet criteria. Where a condition is about a permission, policies do not count."
    >
      {noRules && !rules && (
        <ErrorPanel error={noRules} doing="list the rules of conditions" onRetry={() => readRules()} />
      )}
      {rules && !first && <NoPlugins lists="rules" until="no condition can be added" />}
      {conditions.map((condition, index) => (
        <Condition
          key={condition.key}
          place={index + 1}
          condition={condition}
          problems={problems.get(condition.key)}
          tried={tried}
          types={types}
          rules={rules}
          policies={policies}
          onChange={(changed) => onChange(conditions.map((old) => (old.key === condition.key ? changed : old)))}
          onRemove={() => onChange(conditions.filter(({ key }) => key !== condition.key))}
        />
      ))}
      {first && (
        <Button icon={Plus} onClick={() => onChange([...conditions, newCondition(first.pluginId, first.resourceType)])}>
          Add a condition
        </Button>
      )}
    </Section>
  );
}

interface ResourceType {
  pluginId: string;
  resourceType: string;
}

/** The resource types that have rules, in their order. */
function resourceTypesOf(plugins: readonly PluginRules[]): ResourceType[] {
  return plugins.flatMap(({ pluginId, rules }) =>
    [...new Set(rules.map(({ resourceType }) => resourceType))].map((resourceType) => ({ pluginId, resourceType })),
  );
}

interface ConditionProps {
  place: number;
  condition: ConditionDraft;
  problems: ConditionProblems | undefined;
  tried: boolean;
  types: readonly ResourceType[];
  rules: readonly PluginRules[] | undefined;
  policies: readonly PluginPolicies[];
  onChange: (condition: ConditionDraft) => void;
  onRemove: () => void;
}

function Condition({ place, condition, problems, tried, types, rules, policies, onChange, onRemove }: ConditionProps) {
  const typeId = useId();
  const known = rules
    ?.flatMap((plugin) => plugin.rules)
    .filter(({ resourceType }) => resourceType === condition.resourceType);
  const chooseType = (resourceType: string) => {
    const pluginId = types.find((type) => type.resourceType === resourceType)?.pluginId ?? condition.pluginId;
    // Other resources have other permissions and rules.
    onChange({ ...condition, pluginId, resourceType, mapping: [], criteria: newRule() });
  };
  return (
    <section aria-label={`Condition ${place}`} className="space-y-3 rounded-md border p-3">
      <div className="flex flex-wrap items-center gap-2">
        <label htmlFor={typeId} className="text-muted">
          On resources of type
        </label>
        <div>
          <Select id={typeId} value={condition.resourceType} onChange={(event) => chooseType(event.target.value)}>
            {!types.some(({ resourceType }) => resourceType === condition.resourceType) && (
              <option>{condition.resourceType}</option>
            )}
            {types.map(({ resourceType }) => (
              <option key={resourceType}>{resourceType}</option>
            ))}
          </Select>
        </div>
        <span className="grow" />
        <IconButton icon={X} label={`Remove condition ${place}`} onClick={onRemove} />
      </div>
      <Permissions
        condition={condition}
        policies={policies}
        problem={tried ? problems?.mapping : undefined}
        onChange={(mapping) => onChange({ ...condition, mapping })}
      />
      <CriteriaField
        label={`Criteria of condition ${place}`}
        criteria={condition.criteria}
        unreadable={condition.unreadable}
        resourceType={condition.resourceType}
        rules={known}
        problems={problems?.criteria ?? new Map()}
        tried={tried}
        onChange={(edited) => {
          const { unreadable: _, ...rest } = condition;
          onChange({ ...rest, ...edited });
        }}
      />
    </section>
  );
}

interface PermissionsProps {
  condition: ConditionDraft;
  policies: readonly PluginPolicies[];
  problem: string | undefined;
  onChange: (mapping: Mapping[]) => void;
}

/** The permissions on the resources, of which each can be allowed under the condition. */
function Permissions({
  condition: { mapping, resourceType, pluginId },
  policies,
  problem,
  onChange,
}: PermissionsProps) {
  const problemId = useId();
  const offered: Mapping[] = policies
    .filter((plugin) => plugin.pluginId === pluginId)
    .flatMap((plugin) => plugin.policies)
    // Roles cannot be created under a condition, because there is none yet that could meet it.
    .filter((permission) => permission.resourceType === resourceType)
    .map(({ name, policy }) => ({ name, action: policy }));
  const isSame = (a: Mapping, b: Mapping) => a.name === b.name && a.action === b.action;
  const others = mapping.filter((mine) => !offered.some((each) => isSame(each, mine)));
  return (
    <fieldset aria-describedby={problemId}>
      <legend className="text-muted">allow</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {[...offered, ...others].map((each) => (
          <label key={`${each.name} ${each.action}`} className="inline-flex min-h-6 items-center gap-1.5">
            <input
              type="checkbox"
              aria-invalid={problem !== undefined || undefined}
              checked={mapping.some((mine) => isSame(mine, each))}
              onChange={(event) =>
                onChange(event.target.checked ? [...mapping, each] : mapping.filter((mine) => !isSame(mine, each)))
              }
            />
            <code className="font-mono text-small">{each.name ?? `every ${each.action}`}</code>
          </label>
        ))}
      </div>
      <div id={problemId}>{problem && <ProblemText>{problem}</ProblemText>}</div>
    </fieldset>
  );
}
