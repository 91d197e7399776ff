import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { facetsQuery } from '@/api/queries';
import { Combobox } from '@/ui/combobox';
import { Chips } from './entity-picker';

const shown = 30;

/** Tags: existing ones of the catalog, or new ones. */
export function EntityTagsPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { kinds = [], showCounts = false } = (uiSchema?.['ui:options'] ?? {}) as {
    kinds?: string[];
    showCounts?: boolean;
  };
  const [text, setText] = useState('');
  const filter = kinds.length > 0 ? [kinds.map((kind) => `kind=${kind}`).join(',')] : [];
  const { data, isFetching, isError } = useQuery(facetsQuery(['metadata.tags'], filter));
  const chosen: string[] = Array.isArray(formData) ? formData : [];
  const options = (data?.['metadata.tags'] ?? [])
    .filter(({ value }) => !chosen.includes(value) && value.includes(text.trim().toLowerCase()))
    .sort((a, b) => b.count - a.count)
    .slice(0, shown)
    .map(({ value, count }) => ({ value, title: value, ...(showCounts && { hint: String(count) }) }));
  const add = (tag: string | undefined) => {
    const next = tag?.trim().toLowerCase();
    if (next && !chosen.includes(next)) onChange([...chosen, next], fieldPathId.path);
  };
  return (
    <>
      <Chips
        values={chosen.map((value) => ({ value, title: value }))}
        onRemove={(value) =>
          onChange(
            chosen.filter((other) => other !== value),
            fieldPathId.path,
          )
        }
      />
      <Combobox
        multiple
        free
        id={fieldPathId.$id}
        options={options}
        chosen=""
        onSearch={setText}
        onChoose={add}
        onLeave={() => onBlur(fieldPathId.$id, chosen)}
        loading={isFetching}
        failed={isError}
        placeholder="Add a tag …"
        disabled={disabled || readonly}
        invalid={(rawErrors?.length ?? 0) > 0}
        describedBy={ariaDescribedByIds(fieldPathId.$id)}
      />
    </>
  );
}
