import { Plus, X } from 'lucide-react';
import { useId } from 'react';
import type { JsonObject } from '@/api/types';
import { Button, IconButton } from '@/ui/button';
import { Select } from '@/ui/input';
import {
  type Form,
  type Group,
  isRequired,
  type KnownRule,
  type Node,
  newRule,
  propertiesOf,
  type Rule,
  reshape,
} from './criteria';
import { ProblemText } from './field';
import { ParamField } from './param-field';

interface NodeProps {
  node: Node;
  rules: readonly KnownRule[];
  problems: ReadonlyMap<number, string>;
  tried: boolean;
  /** The place of the node in the whole: '', or 2.1. */
  at: string;
  onChange: (node: Node) => void;
  onRemove?: () => void;
}

const forms: Record<Form, string> = {
  rule: 'This holds',
  anyOf: 'Any of these',
  allOf: 'All of these',
  not: 'This does not hold',
};

/** Criteria as nested fields. */
export function CriteriaNode({ node, rules, problems, tried, at, onChange, onRemove }: NodeProps) {
  const name = at === '' ? 'the criteria' : `criterion ${at}`;
  const shared = { rules, problems, tried };
  return (
    <div className="space-y-2 border-l-2 pl-3">
      <div className="flex flex-wrap items-center gap-2">
        <div className="w-40">
          <Select
            aria-label={`Form of ${name}`}
            value={node.form}
            onChange={(event) => onChange(reshape(node, event.target.value as Form))}
          >
            {Object.entries(forms).map(([form, label]) => (
              <option key={form} value={form}>
                {label}
              </option>
            ))}
          </Select>
        </div>
        {node.form === 'rule' && (
          <div>
            <RuleSelect node={node} rules={rules} name={name} onChange={onChange} />
          </div>
        )}
        {onRemove && <IconButton icon={X} label={`Remove ${name}`} onClick={onRemove} />}
      </div>
      {node.form === 'rule' && <Params node={node} rules={rules} name={name} onChange={onChange} />}
      <Problem of={node} problem={problems.get(node.key)} tried={tried} />
      {node.form === 'not' && (
        <CriteriaNode
          {...shared}
          node={node.of}
          at={at ? `${at}.1` : '1'}
          onChange={(of) => onChange({ ...node, of })}
        />
      )}
      {(node.form === 'anyOf' || node.form === 'allOf') && (
        <Several {...shared} node={node} at={at} onChange={onChange} />
      )}
    </div>
  );
}

/** What is missing is named after the form was sent; what is wrong at once. */
function Problem({ of, problem, tried }: { of: Node; problem: string | undefined; tried: boolean }) {
  const isMissing = of.form === 'rule' && (of.rule === '' || problem?.endsWith('is missing.'));
  if (!problem || (isMissing && !tried)) return null;
  return <ProblemText>{problem}</ProblemText>;
}

interface SeveralProps extends Omit<NodeProps, 'node' | 'onRemove'> {
  node: Group;
}

function Several({ node, at, onChange, ...shared }: SeveralProps) {
  return (
    <>
      {node.of.map((inner, index) => (
        <CriteriaNode
          key={inner.key}
          {...shared}
          node={inner}
          at={at ? `${at}.${index + 1}` : String(index + 1)}
          onChange={(changed) =>
            onChange({ ...node, of: node.of.map((old) => (old.key === inner.key ? changed : old)) })
          }
          {...(node.of.length > 1 && {
            onRemove: () => onChange({ ...node, of: node.of.filter(({ key }) => key !== inner.key) }),
          })}
        />
      ))}
      <Button icon={Plus} tone="quiet" onClick={() => onChange({ ...node, of: [...node.of, newRule()] })}>
        Add a criterion
      </Button>
    </>
  );
}

interface RuleProps {
  node: Rule;
  rules: readonly KnownRule[];
  name: string;
  onChange: (node: Rule) => void;
}

function RuleSelect({ node, rules, name, onChange }: RuleProps) {
  const choose = (rule: string) => {
    const known = rules.find((each) => each.name === rule);
    const kept = Object.entries(node.params).filter(([param]) => !known || param in propertiesOf(known));
    onChange({ ...node, rule, params: Object.fromEntries(kept) });
  };
  return (
    <Select aria-label={`Rule of ${name}`} value={node.rule} onChange={(event) => choose(event.target.value)}>
      <option value="">Choose a rule</option>
      {!rules.some((each) => each.name === node.rule) && node.rule !== '' && <option>{node.rule}</option>}
      {rules.map((each) => (
        <option key={each.name}>{each.name}</option>
      ))}
    </Select>
  );
}

function Params({ node, rules, name, onChange }: RuleProps) {
  const descriptionId = useId();
  const known = rules.find((each) => each.name === node.rule);
  if (!known) return null;
  const set = (param: string, value: unknown) => {
    const params: JsonObject = { ...node.params, [param]: value };
    if (value === undefined) delete params[param];
    onChange({ ...node, params });
  };
  return (
    <div className="space-y-1">
      <p id={descriptionId} className="text-small text-muted">
        {known.description}
      </p>
      <div className="grid gap-x-4 gap-y-1 sm:grid-cols-2">
        {Object.entries(propertiesOf(known)).map(([param, property]) => (
          <ParamField
            key={param}
            name={param}
            of={name}
            property={property}
            required={isRequired(known, param)}
            value={node.params[param]}
            onChange={(value) => set(param, value)}
          />
        ))}
      </div>
    </div>
  );
}
