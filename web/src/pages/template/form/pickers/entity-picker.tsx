import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { X } from 'lucide-react';
import { useEffect } from 'react';
import type { JsonObject } from '@/api/types';
import { humanizeRef, parseRef, stringifyRef } from '@/entity/ref';
import { useTitle, useTitles } from '@/entity/titles';
import { useEntityOptions } from '@/entity/use-entity-options';
import { Combobox } from '@/ui/combobox';
import { wizardContext } from '../context';
import { filterParameters, narrow, onlyKind } from './catalog-filter';

interface Picker {
  /** The kinds to choose from, unless the template names others. */
  kinds?: readonly string[];
  defaultKind?: string;
  /** Only entities that the signed-in user or their groups own. */
  owned?: boolean;
  /** Only groups of the signed-in user. */
  mine?: boolean;
}

function optionsOf({ uiSchema }: FieldProps): JsonObject {
  return (uiSchema?.['ui:options'] ?? {}) as JsonObject;
}

function useFilter(props: FieldProps, picker: Picker): string[] {
  const { owners } = wizardContext(props);
  const filter = filterParameters(optionsOf(props), picker.kinds);
  if (picker.owned)
    return narrow(
      filter,
      owners.map((owner) => `relations.ownedBy=${owner}`),
    );
  const groups = owners.map((owner) => parseRef(owner)).filter(({ kind }) => kind === 'group');
  return picker.mine
    ? narrow(
        filter,
        groups.map(({ name }) => `metadata.name=${name}`),
      )
    : filter;
}

/**
 * Completes a typed text to a reference with the picker's defaults. With the namespace `false`, the text is
 * unchanged.
 */
function completeRef(text: string, options: JsonObject, fallbackKind: string | undefined): string {
  const kind = typeof options.defaultKind === 'string' ? options.defaultKind : fallbackKind;
  if (!kind && !text.includes(':')) return text;
  const namespace = typeof options.defaultNamespace === 'string' ? options.defaultNamespace : 'default';
  return stringifyRef(parseRef(text, kind, namespace));
}

function allowsAny(options: JsonObject): boolean {
  return options.allowArbitraryValues !== false;
}

function SinglePicker({ picker, ...props }: FieldProps & { picker: Picker }) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema, required } = props;
  const options = optionsOf(props);
  const filter = useFilter(props, picker);
  const { options: choices, more, loading, failed, search } = useEntityOptions(filter);
  const value = typeof formData === 'string' ? formData : undefined;
  const title = useTitle(value?.includes(':') ? value : undefined);
  const choose = (chosen: string | undefined) => {
    const known = choices.some((choice) => choice.value === chosen);
    onChange(chosen && !known ? completeRef(chosen, options, picker.defaultKind) : chosen, fieldPathId.path);
  };

  // A single option is chosen automatically, unless the template sets autoSelect to false.
  const only =
    required && !value && options.autoSelect !== false && choices.length === 1 && !allowsAny(options)
      ? choices[0]
      : undefined;
  useEffect(() => {
    if (only) onChange(only.value, fieldPathId.path);
  }, [only, onChange, fieldPathId.path]);

  return (
    <Combobox
      id={fieldPathId.$id}
      options={choices}
      more={more}
      chosen={
        value
          ? (choices.find((choice) => choice.value === value)?.title ??
            title ??
            humanizeRef(value, usualKind(options, picker, filter)))
          : ''
      }
      onSearch={search}
      onChoose={choose}
      onLeave={() => onBlur(fieldPathId.$id, value)}
      free={allowsAny(options)}
      loading={loading}
      failed={failed}
      placeholder={uiSchema?.['ui:placeholder']}
      disabled={disabled || readonly || uiSchema?.['ui:disabled'] === true}
      invalid={(rawErrors?.length ?? 0) > 0}
      describedBy={ariaDescribedByIds(fieldPathId.$id)}
      autoFocus={uiSchema?.['ui:autofocus']}
    />
  );
}

/** The kind that is left out: the picker's default, or the only possible one. */
function usualKind(options: JsonObject, picker: Picker, filter: readonly string[]): string {
  const kind = typeof options.defaultKind === 'string' ? options.defaultKind : picker.defaultKind;
  return (kind ?? onlyKind(filter) ?? 'component').toLowerCase();
}

export function EntityPicker(props: FieldProps) {
  return <SinglePicker {...props} picker={{}} />;
}

export function OwnerPicker(props: FieldProps) {
  return <SinglePicker {...props} picker={{ kinds: ['Group', 'User'], defaultKind: 'Group' }} />;
}

export function OwnedEntityPicker(props: FieldProps) {
  return <SinglePicker {...props} picker={{ owned: true }} />;
}

export function MyGroupsPicker(props: FieldProps) {
  return <SinglePicker {...props} picker={{ kinds: ['Group'], defaultKind: 'Group', mine: true }} />;
}

export function MultiEntityPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, schema } = props;
  const options = optionsOf(props);
  const filter = useFilter(props, {});
  const { options: choices, more, loading, failed, search } = useEntityOptions(filter);
  const chosen: string[] = Array.isArray(formData) ? formData : [];
  const titles = useTitles(chosen);
  const full = schema.maxItems !== undefined && chosen.length >= schema.maxItems;
  const add = (value: string | undefined) => {
    if (!value) return;
    const known = choices.some((choice) => choice.value === value);
    const ref = known ? value : completeRef(value, options, undefined);
    if (!chosen.includes(ref)) onChange([...chosen, ref], fieldPathId.path);
  };
  return (
    <>
      <Chips
        values={chosen.map((value) => ({ value, title: titles.of(value, usualKind(options, {}, filter)) }))}
        onRemove={(value) =>
          onChange(
            chosen.filter((other) => other !== value),
            fieldPathId.path,
          )
        }
      />
      <Combobox
        multiple
        id={fieldPathId.$id}
        options={choices.filter((choice) => !chosen.includes(choice.value))}
        more={more}
        chosen=""
        onSearch={search}
        onChoose={add}
        onLeave={() => onBlur(fieldPathId.$id, chosen)}
        free={allowsAny(options)}
        loading={loading}
        failed={failed}
        placeholder={full ? 'No more can be chosen' : 'Add …'}
        disabled={disabled || readonly || full}
        invalid={(rawErrors?.length ?? 0) > 0}
        describedBy={ariaDescribedByIds(fieldPathId.$id)}
      />
    </>
  );
}

/** The chosen values, each with a button to remove it. */
export function Chips({
  values,
  onRemove,
}: {
  values: { value: string; title: string }[];
  onRemove: (value: string) => void;
}) {
  if (values.length === 0) return null;
  return (
    <ul className="mb-1.5 flex flex-wrap gap-1">
      {values.map(({ value, title }) => (
        <li key={value} className="flex items-center rounded border pl-2" title={value}>
          {title}
          <button
            type="button"
            aria-label={`Remove ${title}`}
            onClick={() => onRemove(value)}
            className="flex size-6 items-center justify-center text-muted hover:text-ink"
          >
            <X size={12} aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}
