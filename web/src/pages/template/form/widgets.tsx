import {
  ariaDescribedByIds,
  descriptionId,
  enumOptionSelectedValue,
  enumOptionsDeselectValue,
  enumOptionsIsSelected,
  enumOptionsSelectValue,
  enumOptionValueDecoder,
  optionId,
  type RegistryWidgetsType,
  type WidgetProps,
} from '@rjsf/utils';
import { Select, Textarea } from '@/ui/input';
import { Markdown } from '@/ui/markdown';

function invalid({ rawErrors }: WidgetProps): true | undefined {
  return (rawErrors?.length ?? 0) > 0 || undefined;
}

function TextareaWidget(props: WidgetProps) {
  const { id, value, options, disabled, readonly, autofocus, placeholder, onChange, onBlur, onFocus } = props;
  return (
    <Textarea
      id={id}
      name={id}
      rows={typeof options.rows === 'number' ? options.rows : 5}
      value={value ?? ''}
      disabled={disabled}
      readOnly={readonly}
      autoFocus={autofocus}
      placeholder={placeholder}
      aria-invalid={invalid(props)}
      aria-describedby={ariaDescribedByIds(id)}
      onChange={(event) => onChange(event.target.value === '' ? options.emptyValue : event.target.value)}
      onBlur={(event) => onBlur(id, event.target.value)}
      onFocus={(event) => onFocus(id, event.target.value)}
    />
  );
}

function SelectWidget(props: WidgetProps) {
  const { id, value, options, schema, multiple, disabled, readonly, autofocus, placeholder, label, hideLabel } = props;
  if (multiple) return <CheckboxesWidget {...props} />;
  const { enumOptions = [], enumDisabled, emptyValue } = options;
  const decode = (index: string) => enumOptionValueDecoder(index, enumOptions, 'indexed', emptyValue);
  const selected = enumOptionSelectedValue(value, enumOptions, false, 'indexed', '');
  return (
    <Select
      id={id}
      name={id}
      value={String(selected)}
      disabled={disabled || readonly}
      autoFocus={autofocus}
      aria-label={hideLabel ? label || 'Alternative' : undefined}
      aria-invalid={invalid(props)}
      aria-describedby={ariaDescribedByIds(id)}
      onChange={(event) => props.onChange(decode(event.target.value))}
      onBlur={(event) => props.onBlur(id, decode(event.target.value))}
      onFocus={(event) => props.onFocus(id, decode(event.target.value))}
    >
      {schema.default === undefined && <option value="">{placeholder || 'Choose …'}</option>}
      {enumOptions.map((option, index) => (
        <option key={String(option.value)} value={String(index)} disabled={isDisabled(enumDisabled, option.value)}>
          {option.label}
        </option>
      ))}
    </Select>
  );
}

function isDisabled(disabled: unknown, value: unknown): boolean {
  return Array.isArray(disabled) && disabled.includes(value);
}

const boxLook = 'mt-0.5 size-4 shrink-0 accent-accent';

function CheckboxWidget(props: WidgetProps) {
  const { id, value, label, hideLabel, disabled, readonly, schema, options, onChange, onBlur, onFocus } = props;
  const description = options.description ?? schema.description;
  return (
    <>
      <label className="flex cursor-pointer gap-2">
        <input
          type="checkbox"
          id={id}
          name={id}
          checked={value ?? false}
          disabled={disabled || readonly}
          aria-invalid={invalid(props)}
          aria-describedby={ariaDescribedByIds(id)}
          className={boxLook}
          onChange={(event) => onChange(event.target.checked)}
          onBlur={(event) => onBlur(id, event.target.checked)}
          onFocus={(event) => onFocus(id, event.target.checked)}
        />
        <span className={hideLabel ? 'sr-only' : 'font-medium'}>{label}</span>
      </label>
      {typeof description === 'string' && (
        <div id={descriptionId(id)} className="mt-1 pl-6 text-muted">
          <Markdown>{description}</Markdown>
        </div>
      )}
    </>
  );
}

function CheckboxesWidget(props: WidgetProps) {
  const { id, value, options, disabled, readonly, label, onChange, onBlur } = props;
  const { enumOptions = [], enumDisabled } = options;
  const chosen = Array.isArray(value) ? value : [];
  return (
    // biome-ignore lint/a11y/useSemanticElements: the field's label is outside; a fieldset would need a second one
    <div id={id} role="group" aria-label={label} aria-describedby={ariaDescribedByIds(id)} className="space-y-1">
      {enumOptions.map((option, index) => (
        <label key={String(option.value)} className="flex cursor-pointer gap-2">
          <input
            type="checkbox"
            id={optionId(id, index)}
            name={id}
            checked={enumOptionsIsSelected(option.value, chosen)}
            disabled={disabled || readonly || isDisabled(enumDisabled, option.value)}
            className={boxLook}
            onChange={(event) => {
              const change = event.target.checked ? enumOptionsSelectValue : enumOptionsDeselectValue;
              onChange(change(String(index), chosen, enumOptions));
            }}
            onBlur={() => onBlur(id, value)}
          />
          {option.label}
        </label>
      ))}
    </div>
  );
}

function RadioWidget(props: WidgetProps) {
  const { id, value, options, disabled, readonly, label, onChange, onBlur } = props;
  const { enumOptions = [], enumDisabled } = options;
  return (
    <div id={id} role="radiogroup" aria-label={label} aria-describedby={ariaDescribedByIds(id)} className="space-y-1">
      {enumOptions.map((option, index) => (
        <label key={String(option.value)} className="flex cursor-pointer gap-2">
          <input
            type="radio"
            id={optionId(id, index)}
            name={id}
            checked={enumOptionsIsSelected(option.value, value)}
            disabled={disabled || readonly || isDisabled(enumDisabled, option.value)}
            className={boxLook}
            onChange={() => onChange(option.value)}
            onBlur={() => onBlur(id, value)}
          />
          {option.label}
        </label>
      ))}
    </div>
  );
}

export const widgets: RegistryWidgetsType = {
  CheckboxWidget,
  CheckboxesWidget,
  RadioWidget,
  SelectWidget,
  TextareaWidget,
};
