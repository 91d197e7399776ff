import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
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
}

/** What a template's form holds: the values of the address, else of the person's draft, else the defaults. */
export function useValues(user: string, templateRef: string, pages: readonly Page[]): Values {
  const { formData } = route.useSearch();
  const navigate = route.useNavigate();
  const secrets = useMemo(() => hiddenNames(pages), [pages]);
  const defaults = useMemo(() => withDefaults(pages, {}), [pages]);
  const [values, setValues] = useState(() =>
    withDefaults(pages, readFormData(formData) ?? loadDraft(user, templateRef)?.values ?? {}),
  );
  const untouched = JSON.stringify(values) === JSON.stringify(defaults);
  useEffect(() => {
    if (untouched) dropDraft(user, templateRef);
    else saveDraft(user, templateRef, values, secrets);
  }, [user, templateRef, values, secrets, untouched]);

  const change = (next: JsonObject) => {
    setValues(next);
    // The values of the address would take the place of what is typed now when the page is loaded again.
    if (formData) navigate({ search: ({ formData: _, ...rest }) => rest, replace: true, resetScroll: false });
  };
  const startOver = () => {
    setValues(defaults);
    navigate({ search: {} });
  };
  return { values, change, startOver: untouched ? undefined : startOver };
}
