import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo, useMemo } from 'react';
import { Tag } from '@/ui/tag';
import { Description } from './description';
import { Fields, Schema } from './fields';
import type { Item, Parameter, Part } from './model';
import { type Field, fieldOf, typeOf } from './schema';

interface ItemRowProps {
  item: Item;
  root: unknown;
  open: boolean;
  onToggle: (id: string) => void;
}

/** An operation or a type: its name, and all about it once it is opened. */
export const ItemRow = memo(function ItemRow({ item, root, open, onToggle }: ItemRowProps) {
  const { id, badge, name, summary, deprecated } = item;
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <li data-item={id} className="scroll-mt-14">
      <h3>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => onToggle(id)}
          className="flex w-full flex-wrap items-baseline gap-x-2 gap-y-0.5 rounded py-1.5 text-left font-normal hover:bg-hover"
        >
          <Chevron size={14} aria-hidden className="shrink-0 self-center text-muted" />
          <span className="min-w-16 font-mono text-small font-medium text-muted uppercase">{badge}</span>
          <code className="min-w-0 font-mono wrap-anywhere">{name}</code>
          {deprecated && <Tag>deprecated</Tag>}
          {summary && <span className="min-w-0 text-muted wrap-anywhere">{summary}</span>}
        </button>
      </h3>
      {open && <Details item={item} root={root} />}
    </li>
  );
});

function Details({ item: { description, parts }, root }: { item: Item; root: unknown }) {
  return (
    <div className="space-y-3 pt-1 pb-4 pl-5">
      {description && <Description>{description}</Description>}
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts may have the same title, and never move
        <PartView key={index} part={part} root={root} />
      ))}
      {!description && parts.length === 0 && <p className="text-muted">There is no more to say.</p>}
    </div>
  );
}

function PartView({ part: { title, note, description, parameters, schema }, root }: { part: Part; root: unknown }) {
  const fields = useMemo(() => parameters?.map((parameter) => parameterField(parameter, root)), [parameters, root]);
  const type = schema === undefined ? undefined : typeOf(schema, root);
  return (
    <section aria-label={title}>
      <h4 className="flex flex-wrap items-baseline gap-x-2 border-b pb-1">
        <span className="font-medium">{title}</span>
        {note && <span className="text-small text-muted wrap-anywhere">{note}</span>}
        {type && type !== 'object' && type !== note && (
          <span className="text-small text-muted wrap-anywhere">{type}</span>
        )}
      </h4>
      {description && (
        <div className="pt-1 text-muted">
          <Description>{description}</Description>
        </div>
      )}
      {fields && <Fields fields={fields} root={root} />}
      {schema !== undefined && <Schema schema={schema} root={root} />}
    </section>
  );
}

function parameterField({ name, place, required, deprecated, description, schema }: Parameter, root: unknown): Field {
  const field = fieldOf(name, schema, root, required === true);
  return {
    ...field,
    type: place ? `${field.type}, in the ${place}` : field.type,
    deprecated: deprecated === true || field.deprecated,
    ...(description && { description }),
  };
}
