import { descriptionId, type FieldProps, getUiOptions } from '@rjsf/utils';
import { Markdown } from '@/ui/markdown';

/** The fields of an object below a title, which shows and hides them. */
export function AccordionField(props: FieldProps) {
  const { schema, uiSchema, registry, fieldPathId, name } = props;
  const { accordionTitle, defaultExpanded, ...options } = getUiOptions(uiSchema);
  const { ObjectField } = registry.fields;
  if (!ObjectField) return null;
  const title = [accordionTitle, options.title, schema.title, name].find((text) => typeof text === 'string' && text);
  const description = options.description ?? schema.description;
  // The title and the description are those of the accordion.
  const { 'ui:field': _, ...plain } = uiSchema ?? {};
  return (
    <details open={defaultExpanded === true} className="mb-6 border-y py-2">
      <summary className="font-medium">{String(title)}</summary>
      <div className="pt-3">
        {typeof description === 'string' && (
          <div id={descriptionId(fieldPathId)} className="mb-3 text-muted">
            <Markdown>{description}</Markdown>
          </div>
        )}
        <ObjectField {...props} uiSchema={{ ...plain, 'ui:options': { ...plain['ui:options'], label: false } }} />
      </div>
    </details>
  );
}
