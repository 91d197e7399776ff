import { ariaDescribedByIds, type FieldProps, getUiOptions } from '@rjsf/utils';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { CustomField } from '@/api/types';
import { Skeleton } from '@/ui/states';
import { wizardContext } from './context';

/** What an element gets as its properties. */
interface Given {
  value: unknown;
  /** The JSON Schema of the value, and `ui:options`. */
  schema: unknown;
  options: unknown;
  /** The values of all fields. */
  values: unknown;
  label: string;
  disabled: boolean;
  invalid: boolean;
}

/** The event of an element with its new value: `new CustomEvent('value-change', { detail: { value } })`. */
const changeEvent = 'value-change';

/**
 * A field of the installation: a custom element, whose module is loaded from where the configuration says. When it
 * cannot be loaded, the value can be typed.
 */
export function CustomFieldControl(props: FieldProps) {
  const name = props.uiSchema?.['ui:field'];
  const field = wizardContext(props).customFields.find((each) => each.name === name);
  const { isPending, error } = useQuery({
    queryKey: ['custom field', field],
    queryFn: () => field && define(field),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (!field) return null;
  if (isPending) return <Skeleton lines={1} />;
  return error ? <Typed {...props} field={field} problem={error.message} /> : <Element {...props} field={field} />;
}

/** Loads the module of a field. It throws when that does not define the element. */
async function define({ module, element }: CustomField): Promise<true> {
  if (!customElements.get(element)) await import(/* @vite-ignore */ module);
  if (!customElements.get(element)) throw new Error(`${module} does not define <${element}>`);
  return true;
}

type ControlProps = FieldProps & { field: CustomField };

/** The element has its properties before it is connected, and again whenever the form changes. */
function Element({ field, ...props }: ControlProps) {
  const { fieldPathId, formData, schema, uiSchema, name, onChange, onBlur, rawErrors = [] } = props;
  const { values } = wizardContext(props);
  const options = getUiOptions(uiSchema);
  const given: Given = {
    value: formData,
    schema,
    options,
    values,
    label: String(options.title ?? schema.title ?? name),
    disabled: Boolean(props.disabled || props.readonly),
    invalid: rawErrors.length > 0,
  };
  const place = useRef<HTMLDivElement>(null);
  const [element] = useState(() => Object.assign(document.createElement(field.element), given));
  useEffect(() => {
    Object.assign(element, given);
    element.id = fieldPathId.$id;
    element.setAttribute('aria-label', given.label);
    element.setAttribute('aria-describedby', ariaDescribedByIds(fieldPathId.$id));
  });
  useEffect(() => place.current?.replaceChildren(element), [element]);
  useEffect(() => {
    const changed = (event: Event) => {
      if (event instanceof CustomEvent) onChange(plain(event.detail?.value), fieldPathId.path);
    };
    const left = () => onBlur(fieldPathId.$id, undefined);
    element.addEventListener(changeEvent, changed);
    element.addEventListener('focusout', left);
    return () => {
      element.removeEventListener(changeEvent, changed);
      element.removeEventListener('focusout', left);
    };
  }, [element, onChange, onBlur, fieldPathId]);
  return <div ref={place} />;
}

/** A value of the element as JSON, undefined for one that is none. */
function plain(value: unknown): unknown {
  const encoded = JSON.stringify(value);
  return encoded === undefined ? undefined : JSON.parse(encoded);
}

/** The control of the field's schema, with a note. */
function Typed({ field, problem, ...props }: ControlProps & { problem: string }) {
  const { 'ui:field': _, ...uiSchema } = props.uiSchema ?? {};
  const { StringField, NumberField, BooleanField, ArrayField, ObjectField } = props.registry.fields;
  const controls: Record<string, typeof StringField> = {
    number: NumberField,
    integer: NumberField,
    boolean: BooleanField,
    array: ArrayField,
    object: ObjectField,
  };
  const Control = controls[String(props.schema.type)] ?? StringField;
  if (!Control) return null;
  return (
    <>
      <Control {...props} schema={{ type: 'string', ...props.schema }} uiSchema={uiSchema} />
      <p role="status" className="mt-1 text-muted">
        The field {field.name} cannot be loaded ({problem}). Type the value as the template expects it, and tell whoever
        runs this portal.
      </p>
    </>
  );
}
