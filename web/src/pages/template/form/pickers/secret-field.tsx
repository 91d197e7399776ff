import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { Input } from '@/ui/input';
import { wizardContext } from '../context';

/**
 * A secret. The typed text becomes one of the run's secrets. The form's values, which are stored and shown,
 * contain asterisks instead.
 */
export function SecretField(props: FieldProps) {
  const { name, fieldPathId, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { secrets, setSecret } = wizardContext(props);
  return (
    <Input
      type="password"
      id={fieldPathId.$id}
      name={fieldPathId.$id}
      autoComplete="new-password"
      value={secrets[name] ?? ''}
      disabled={disabled}
      readOnly={readonly}
      placeholder={uiSchema?.['ui:placeholder']}
      aria-invalid={(rawErrors?.length ?? 0) > 0 || undefined}
      aria-describedby={ariaDescribedByIds(fieldPathId.$id)}
      onChange={({ target: { value } }) => {
        setSecret(name, value);
        onChange(value === '' ? undefined : '*'.repeat(value.length), fieldPathId.path);
      }}
      onBlur={() => onBlur(fieldPathId.$id, undefined)}
    />
  );
}
