import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { Input } from '@/ui/input';

/** The name of a new entity. It is validated with the rest of the page. */
export function EntityNamePicker({
  fieldPathId,
  formData,
  onChange,
  onBlur,
  rawErrors,
  disabled,
  readonly,
  uiSchema,
}: FieldProps) {
  return (
    <Input
      id={fieldPathId.$id}
      name={fieldPathId.$id}
      autoComplete="off"
      spellCheck={false}
      value={formData ?? ''}
      disabled={disabled}
      readOnly={readonly}
      placeholder={uiSchema?.['ui:placeholder']}
      autoFocus={uiSchema?.['ui:autofocus']}
      aria-invalid={(rawErrors?.length ?? 0) > 0 || undefined}
      aria-describedby={ariaDescribedByIds(fieldPathId.$id)}
      onChange={(event) => onChange(event.target.value || undefined, fieldPathId.path)}
      onBlur={() => onBlur(fieldPathId.$id, formData)}
    />
  );
}
