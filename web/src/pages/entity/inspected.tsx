import { getRouteApi } from '@tanstack/react-router';
import type { Entity } from '@/api/types';
import { Source } from '@/ui/source';

const route = getRouteApi('/catalog/$namespace/$kind/$name');

const forms = [
  { form: 'YAML', view: undefined },
  { form: 'JSON', view: 'json' as const },
];

/** The entity as the catalog has it, in YAML or as the API answers it. */
export function Inspected({ entity }: { entity: Entity }) {
  const { view } = route.useSearch();
  const navigate = route.useNavigate();
  const asJson = view === 'json';
  return (
    <div className="space-y-3">
      <fieldset className="flex gap-x-4">
        <legend className="sr-only">Form</legend>
        {forms.map(({ form, view: wanted }) => (
          <label key={form} className="flex min-h-7 cursor-pointer items-center gap-1.5">
            <input
              type="radio"
              name="form"
              checked={asJson === (wanted === 'json')}
              className="size-3.5 accent-accent"
              onChange={() =>
                navigate({
                  search: ({ view: _, ...rest }) => ({ ...rest, ...(wanted && { view: wanted }) }),
                  replace: true,
                  resetScroll: false,
                })
              }
            />
            {form}
          </label>
        ))}
      </fieldset>
      <Source label="the entity" value={asJson ? JSON.stringify(entity, null, 2) : entity} />
    </div>
  );
}
