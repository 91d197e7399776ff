import { X } from 'lucide-react';
import { useId, useState } from 'react';
import { humanizeRef } from '@/entity/ref';
import { useEntityOptions } from '@/entity/use-entity-options';
import { Button } from '@/ui/button';
import { Combobox, type Option } from '@/ui/combobox';
import { Input, Select } from '@/ui/input';
import { isEmpty, type Property } from './criteria';
import { holders } from './details-fields';

interface ParamFieldProps {
  name: string;
  /** What the param belongs to: criterion 2.1. */
  of: string;
  property: Property;
  required: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** A param of a rule, by its type. */
export function ParamField({ name, of, property, required, value, onChange }: ParamFieldProps) {
  const id = useId();
  const label = `${name} of ${of}`;
  return (
    <div className="space-y-0.5">
      <label htmlFor={id} className="text-small text-muted" title={property.description}>
        {name}
        {!required && ', if it matters'}
        <span className="sr-only"> of {of}</span>
      </label>
      {property.type === 'array' ? (
        <ListParam id={id} name={name} label={label} value={value} onChange={onChange} />
      ) : (
        <SimpleParam id={id} type={property.type} value={value} onChange={onChange} />
      )}
      {!required && isEmpty(value) && (
        <p className="flex flex-wrap items-center gap-x-2 text-small text-muted">
          The rule asks for an empty value.
          <Button tone="quiet" className="text-small" onClick={() => onChange(undefined)}>
            Leave {name} out<span className="sr-only"> of {of}</span>
          </Button>
        </p>
      )}
    </div>
  );
}

interface SimpleParamProps {
  id: string;
  type: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

function SimpleParam({ id, type, value, onChange }: SimpleParamProps) {
  if (type === 'boolean') {
    return (
      <Select
        id={id}
        value={value === undefined ? '' : String(value)}
        onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value === 'true')}
      >
        <option value="">any</option>
        <option>true</option>
        <option>false</option>
      </Select>
    );
  }
  return (
    <Input
      id={id}
      type={type === 'number' ? 'number' : 'text'}
      step="any"
      value={value === undefined ? '' : String(value)}
      spellCheck={false}
      onChange={({ target }) => onChange(typed(type, target.value))}
    />
  );
}

/** A text that was deleted stays as an empty one: without the param, the rule would hold for more. */
function typed(type: string, text: string): unknown {
  return type === 'number' && text !== '' ? Number(text) : text;
}

/** The params that are references, for which users, groups and the aliases are offered. */
const references = ['claims', 'owners', 'createdBy'];

const aliases: Option[] = [
  { value: '$ownerRefs', title: '$ownerRefs', hint: 'the person and their groups' },
  { value: '$currentUser', title: '$currentUser', hint: 'the person' },
];

interface ListParamProps {
  id: string;
  name: string;
  label: string;
  value: unknown;
  onChange: (value: string[]) => void;
}

function ListParam({ id, name, label, value, onChange }: ListParamProps) {
  const list = Array.isArray(value) ? value.map(String) : [];
  const isReference = references.includes(name);
  const [text, setText] = useState('');
  const { options, more, loading, failed, search } = useEntityOptions(holders);
  const offered = isReference ? [...aliases.filter((alias) => alias.value.includes(text.trim())), ...options] : [];
  const add = (item: string | undefined) => {
    if (item && !list.includes(item)) onChange([...list, item]);
  };
  const remove = (item: string) => onChange(list.filter((other) => other !== item));
  return (
    <div className="space-y-1">
      {list.length > 0 && (
        <ul className="flex flex-wrap gap-1">
          {list.map((item) => (
            <li key={item} className="flex items-center rounded border pl-2 text-small" title={item}>
              {item.includes(':') ? humanizeRef(item) : item}
              <button
                type="button"
                aria-label={`Remove ${item} from ${label}`}
                onClick={() => remove(item)}
                className="flex size-6 items-center justify-center text-muted hover:text-ink"
              >
                <X size={12} aria-hidden />
              </button>
            </li>
          ))}
        </ul>
      )}
      <Combobox
        id={id}
        multiple
        free
        options={offered.filter((option) => !list.includes(option.value))}
        more={isReference ? more : 0}
        chosen=""
        onSearch={(typedText) => {
          setText(typedText);
          search(typedText);
        }}
        onChoose={add}
        loading={isReference && loading}
        failed={isReference && failed}
        placeholder="Add …"
      />
    </div>
  );
}
