import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { JsonObject } from '@/api/types';
import { dropDraft, loadDraft, saveDraft } from '@/template/draft';
import { readFormData } from './form-data';
import { hiddenNames, type Page, withDefaults } from './pages';

const route = getRouteApi('/create/templates/$namespace/$name');

interface Values {
  values: JsonObject;
  change: (values: JsonObject) => void;
  /** Resets to the defaults, on the first page; undefined while all values are defaults. */
  startOver: (() => void) | undefined;
  /** Deletes the draft, unless the values are from the URL and so have no draft. */
  sent: () => void;
}

/**
 * The values of a template's form: those of the URL, else the user's draft, else the defaults. The draft
 * changes only when the user changes something, not when a form is opened.
 */
export function useValues(user: string, templateRef: string, pages: readonly Page[]): Values {
  const { formData } = route.useSearch();
  const navigate = route.useNavigate();
  const secrets = useMemo(() => hiddenNames(pages), [pages]);
  const defaults = useMemo(() => withDefaults(pages, {}), [pages]);
  const linked = readFormData(formData);
  const [values, setValues] = useState(() => withDefaults(pages, linked ?? loadDraft(user, templateRef)?.values ?? {}));
  const drop = () => dropDraft(user, templateRef);

  const change = (next: JsonObject) => {
    setValues(next);
    // A form also reports its values when it is rendered.
    if (isSame(next, values)) return;
    if (isSame(next, defaults)) drop();
    else saveDraft(user, templateRef, next, secrets);
    // After a reload, the values of the URL would replace the typed ones.
    if (formData) navigate({ search: ({ formData: _, ...rest }) => rest, replace: true, resetScroll: false });
  };
  const startOver = () => {
    setValues(defaults);
    drop();
    navigate({ search: {} });
  };
  const sent = () => {
    if (!linked) drop();
  };
  return { values, change, startOver: isSame(values, defaults) ? undefined : startOver, sent };
}

function isSame(a: JsonObject, b: JsonObject): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
