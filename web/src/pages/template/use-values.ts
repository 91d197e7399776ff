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
  /** Goes back to the defaults, on the first page; undefined while there is nothing but them. */
  startOver: (() => void) | undefined;
  /** Drops the draft, unless the values are those of the address: those never were one. */
  sent: () => void;
}

/**
 * What a template's form holds: the values of the address, else of the person's draft, else the defaults. The draft
 * changes when the person changes something, and not because a form is opened.
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
    // A form also reports what it has when it is drawn.
    if (isSame(next, values)) return;
    if (isSame(next, defaults)) drop();
    else saveDraft(user, templateRef, next, secrets);
    // The values of the address would take the place of what is typed now when the page is loaded again.
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
