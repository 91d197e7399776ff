import {
  ADDITIONAL_PROPERTY_FLAG,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  ariaDescribedByIds,
  type BaseInputTemplateProps,
  canExpand,
  type DescriptionFieldProps,
  descriptionId,
  errorId,
  type FieldErrorProps,
  type FieldHelpProps,
  type FieldTemplateProps,
  getInputProps,
  getUiOptions,
  helpId,
  type MultiSchemaFieldTemplateProps,
  type ObjectFieldTemplateProps,
  type TemplatesType,
  type UnsupportedFieldProps,
  type WrapIfAdditionalTemplateProps,
} from '@rjsf/utils';
import { ArrowDown, ArrowUp, Copy, Plus, X } from 'lucide-react';
import { Button, IconButton } from '@/ui/button';
import { Input } from '@/ui/input';
import { Markdown } from '@/ui/markdown';
import { fieldMark } from '../focus-field';

/**
 * A field: title, control, description and error. One line is reserved for the error, which is otherwise the
 * gap to the next field, because a message that moves the page would move the button that the user is
 * pressing.
 */
function FieldTemplate(props: FieldTemplateProps) {
  const { id, label, children, errors, help, description, hidden, required, displayLabel, schema, uiSchema } = props;
  if (hidden) return <div hidden>{children}</div>;
  // RJSF renders no label for custom fields; the portal's fields expect it here, like every control.
  const labelled = (displayLabel || getUiOptions(uiSchema).field !== undefined) && schema.type !== 'object';
  return (
    <WrapIfAdditionalTemplate {...props}>
      {labelled && (
        <label htmlFor={id} className="mb-1 block font-medium">
          {withoutDash(label, id)}
          {!required && <span className="font-normal text-muted"> (optional)</span>}
        </label>
      )}
      {children}
      {labelled && description}
      {help}
      {schema.type === 'object' ? errors : <div className="min-h-6">{errors}</div>}
    </WrapIfAdditionalTemplate>
  );
}

/** RJSF's titles of list items are `Ports-1`, `Ports-2`; the portal shows `Ports 1`. */
function withoutDash(title: string, id: string): string {
  return /_\d+$/.test(id) ? title.replace(/-(\d+)$/, ' $1') : title;
}

function FieldErrorTemplate({ errors = [], fieldPathId }: FieldErrorProps) {
  if (errors.length === 0) return null;
  return (
    <div id={errorId(fieldPathId)} className="pt-1 text-failed">
      {errors.map((error) => (
        <p key={String(error)}>{error}</p>
      ))}
    </div>
  );
}

function FieldHelpTemplate({ help, fieldPathId }: FieldHelpProps) {
  if (!help) return null;
  return (
    <div id={helpId(fieldPathId)} className="mt-1 text-muted">
      {help}
    </div>
  );
}

function DescriptionFieldTemplate({ id, description }: DescriptionFieldProps) {
  if (!description) return null;
  return (
    <div id={id} className="mt-1 text-muted">
      {typeof description === 'string' ? <Markdown>{description}</Markdown> : description}
    </div>
  );
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps) {
  const { title, description, properties, fieldPathId, schema, uiSchema, formData, onAddProperty, disabled, readonly } =
    props;
  const root = fieldPathId.path.length === 0;
  const alternativesOnly = (schema.oneOf || schema.anyOf) && !schema.properties && properties.length === 0;
  if (alternativesOnly) return null;
  const content = (
    <>
      {properties.map((property) => property.content)}
      {canExpand(schema, uiSchema, formData) && (
        <Button icon={Plus} disabled={disabled || readonly} onClick={onAddProperty} className="mb-6">
          Add a property
        </Button>
      )}
    </>
  );
  if (root) return content;
  return (
    <fieldset id={fieldPathId.$id} className="border-l pl-4">
      {title && <legend className="mb-1 font-medium">{withoutDash(title, fieldPathId.$id)}</legend>}
      {description && <DescriptionText id={descriptionId(fieldPathId)} text={description} />}
      {content}
    </fieldset>
  );
}

function DescriptionText({ id, text }: { id: string; text: React.ReactNode }) {
  return (
    <div id={id} className="mb-3 text-muted">
      {typeof text === 'string' ? <Markdown>{text}</Markdown> : text}
    </div>
  );
}

function ArrayFieldTemplate(props: ArrayFieldTemplateProps) {
  const { title, schema, uiSchema, items, canAdd, onAddClick, disabled, readonly, fieldPathId } = props;
  const options = getUiOptions(uiSchema);
  const description = options.description ?? schema.description;
  return (
    <fieldset id={fieldPathId.$id}>
      {(options.title ?? title) && <legend className="mb-1 font-medium">{options.title ?? title}</legend>}
      {description && <DescriptionText id={descriptionId(fieldPathId)} text={description} />}
      {items}
      {canAdd && (
        <Button icon={Plus} disabled={disabled || readonly} onClick={onAddClick}>
          Add
        </Button>
      )}
    </fieldset>
  );
}

function ArrayFieldItemTemplate({ children, buttonsProps, index, hasToolbar }: ArrayFieldItemTemplateProps) {
  const { disabled, readonly, hasMoveUp, hasMoveDown, hasCopy, hasRemove } = buttonsProps;
  const off = disabled || readonly;
  const place = index + 1;
  return (
    <div className="flex items-start gap-1">
      <div className="min-w-0 grow">{children}</div>
      {hasToolbar && (
        <div className="flex">
          {(hasMoveUp || hasMoveDown) && (
            <>
              <IconButton
                icon={ArrowUp}
                label={`Move item ${place} up`}
                disabled={off || !hasMoveUp}
                onClick={buttonsProps.onMoveUpItem}
              />
              <IconButton
                icon={ArrowDown}
                label={`Move item ${place} down`}
                disabled={off || !hasMoveDown}
                onClick={buttonsProps.onMoveDownItem}
              />
            </>
          )}
          {hasCopy && (
            <IconButton icon={Copy} label={`Copy item ${place}`} disabled={off} onClick={buttonsProps.onCopyItem} />
          )}
          {hasRemove && (
            <IconButton icon={X} label={`Remove item ${place}`} disabled={off} onClick={buttonsProps.onRemoveItem} />
          )}
        </div>
      )}
    </div>
  );
}

function MultiSchemaFieldTemplate({ selector, optionSchemaField }: MultiSchemaFieldTemplateProps) {
  return (
    <div className="space-y-4">
      {selector}
      {optionSchemaField}
    </div>
  );
}

/** A property with a name from the user: its name, its value, and a button to remove it. */
function WrapIfAdditionalTemplate(props: WrapIfAdditionalTemplateProps) {
  const { id, label, schema, onKeyRenameBlur, onRemoveProperty, disabled, readonly, children } = props;
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return <div {...fieldMark(id)}>{children}</div>;
  return (
    <div {...fieldMark(id)} className="grid grid-cols-[minmax(0,1fr)_minmax(0,2fr)_auto] items-end gap-2">
      <div className="mb-6">
        <label htmlFor={`${id}-key`} className="mb-1 block font-medium">
          Name
        </label>
        <Input
          key={label}
          id={`${id}-key`}
          defaultValue={label}
          disabled={disabled || readonly}
          onBlur={onKeyRenameBlur}
        />
      </div>
      <div>{children}</div>
      <span className="mb-6">
        <IconButton icon={X} label={`Remove ${label}`} disabled={disabled || readonly} onClick={onRemoveProperty} />
      </span>
    </div>
  );
}

function BaseInputTemplate(props: BaseInputTemplateProps) {
  const { id, htmlName, value, schema, options, type, disabled, readonly, autofocus, placeholder, rawErrors } = props;
  const { onChange, onChangeOverride, onBlur, onFocus, label, hideLabel } = props;
  const input = getInputProps(schema, type, options);
  const examples = Array.isArray(schema.examples) ? schema.examples.map(String) : [];
  return (
    <>
      <Input
        {...input}
        id={id}
        name={htmlName ?? id}
        list={examples.length > 0 ? `${id}__choices` : undefined}
        value={value ?? ''}
        disabled={disabled}
        readOnly={readonly}
        autoFocus={autofocus}
        placeholder={placeholder}
        aria-label={hideLabel ? label : undefined}
        aria-invalid={(rawErrors?.length ?? 0) > 0 || undefined}
        aria-describedby={ariaDescribedByIds(id)}
        onChange={
          onChangeOverride ?? ((event) => onChange(event.target.value === '' ? options.emptyValue : event.target.value))
        }
        onBlur={(event) => onBlur(id, event.target.value)}
        onFocus={(event) => onFocus(id, event.target.value)}
      />
      {examples.length > 0 && (
        <datalist id={`${id}__choices`}>
          {examples.map((example) => (
            <option key={example} value={example} />
          ))}
        </datalist>
      )}
    </>
  );
}

function UnsupportedFieldTemplate({ schema, reason }: UnsupportedFieldProps) {
  return (
    <p className="border-l-2 border-failed pl-3">
      The template describes a value that no form can ask for{reason ? `: ${reason}` : ''}. Its author has to correct{' '}
      <code className="font-mono text-small wrap-anywhere">{JSON.stringify(schema)}</code>
    </p>
  );
}

export const templates: Partial<TemplatesType> = {
  ArrayFieldItemTemplate,
  ArrayFieldTemplate,
  BaseInputTemplate,
  DescriptionFieldTemplate,
  FieldErrorTemplate,
  FieldHelpTemplate,
  FieldTemplate,
  MultiSchemaFieldTemplate,
  ObjectFieldTemplate,
  UnsupportedFieldTemplate,
  WrapIfAdditionalTemplate,
};
