import { ChevronDown, ChevronRight } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Description } from './description';
import { type Field, fieldsOf } from './schema';

interface FieldsProps {
  fields: readonly Field[];
  root: unknown;
}

/** How many values are shown before somebody asks for more. */
const shownAtFirst = 100;

/** Values, each with those in it once it is opened. */
export function Fields({ fields, root }: FieldsProps) {
  const [all, setAll] = useState(false);
  const shown = all ? fields : fields.slice(0, shownAtFirst);
  return (
    <>
      <ul className="divide-y">
        {shown.map((field) => (
          <FieldItem key={field.name} field={field} root={root} />
        ))}
      </ul>
      {fields.length > shown.length && (
        <button type="button" className="py-1 text-small text-muted hover:text-ink" onClick={() => setAll(true)}>
          {fields.length - shown.length} more
        </button>
      )}
    </>
  );
}

function FieldItem({ field, root }: { field: Field; root: unknown }) {
  const { name, type, required, deprecated, description, inner } = field;
  const [open, setOpen] = useState(false);
  const label = (
    <>
      <code className="font-mono text-ink wrap-anywhere">{name}</code>
      <span className="text-small text-muted wrap-anywhere">
        {type}
        {required && <span className="text-ink">, required</span>}
        {deprecated && ', deprecated'}
      </span>
    </>
  );
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <li className="space-y-1 py-1.5">
      {inner === undefined ? (
        <p className="flex flex-wrap items-baseline gap-x-2 pl-5">{label}</p>
      ) : (
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex w-full flex-wrap items-baseline gap-x-2 rounded text-left hover:bg-hover"
        >
          <Chevron size={14} aria-hidden className="-mr-1 shrink-0 self-center text-muted" />
          {label}
        </button>
      )}
      <div className="space-y-1 pl-5 text-muted empty:hidden">
        {description && <Description>{description}</Description>}
        <Rules field={field} />
      </div>
      {open && (
        <div className="ml-1.5 border-l pl-2">
          <Schema schema={inner} root={root} />
        </div>
      )}
    </li>
  );
}

function Rules({ field: { choices, preset, rules } }: { field: Field }) {
  return (
    <>
      {choices.length > 0 && (
        <p className="text-small wrap-anywhere">
          {choices.length === 1 ? 'Only ' : 'One of '}
          {choices.map((choice, index) => (
            <span key={choice}>
              {index > 0 && ', '}
              <code className="font-mono text-ink">{choice}</code>
            </span>
          ))}
        </p>
      )}
      {preset !== undefined && (
        <p className="text-small wrap-anywhere">
          Default <code className="font-mono text-ink">{preset}</code>
        </p>
      )}
      {rules.length > 0 && <p className="text-small wrap-anywhere">{rules.join('; ')}</p>}
    </>
  );
}

/** The values in a schema. */
export function Schema({ schema, root }: { schema: unknown; root: unknown }) {
  const fields = useMemo(() => fieldsOf(schema, root), [schema, root]);
  if (fields.length === 0) return null;
  return <Fields fields={fields} root={root} />;
}
