import { useState } from 'react';
import { Combobox, type Option } from '@/ui/combobox';
import { Input, Select } from '@/ui/input';

export interface ChoiceInputProps {
  id: string;
  label: string;
  value: string;
  /** The values that the template allows; empty allows any. */
  choices: readonly string[];
  /** The note behind each option. */
  remarks?: readonly (string | undefined)[];
  /** The suggestions for a text box; undefined for one that has none. */
  suggestions?: readonly Option[];
  off: boolean | undefined;
  invalid: boolean;
  describedBy: string;
  onChange: (value: string) => void;
  onLeave: () => void;
}

/** A labelled part of a field: a list of the allowed values, or a text box, with suggestions if there are any. */
export function ChoiceInput(props: ChoiceInputProps) {
  const { id, label } = props;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small text-muted">
        {label}
      </label>
      <ChoiceControl {...props} />
    </div>
  );
}

/** The control of a ChoiceInput without its label. */
export function ChoiceControl(props: Omit<ChoiceInputProps, 'label'>) {
  const { id, value, choices, remarks = [], suggestions, off, invalid, describedBy, onChange, onLeave } = props;
  const shared = {
    id,
    value,
    disabled: off,
    'aria-invalid': invalid || undefined,
    'aria-describedby': describedBy,
    onBlur: onLeave,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
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
  return <Suggesting {...props} suggestions={suggestions} />;
}

type SuggestingProps = Omit<ChoiceInputProps, 'label'> & { suggestions: readonly Option[] };

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
