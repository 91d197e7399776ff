import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { type MouseEvent, useCallback } from 'react';
import { queryString } from '@/api/request';
import { parseRef } from '@/entity/ref';

const route = getRouteApi('/catalog/$namespace/$kind/$name');

/**
 * Addresses of the same view of other entities. There may be 500 of them: a link of the router each, with what it watches,
 * would take longer to render than the picture.
 */
export function useNodeLinks() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const hrefOf = (ref: string) => {
    const { kind, namespace, name } = parseRef(ref);
    const path = [namespace, kind, name].map(encodeURIComponent).join('/');
    return `/catalog/${path}${queryString({ ...search, tab: 'relations' })}`;
  };
  /** For the element around the links: it opens the one that was clicked, within the page. */
  const onClick = useCallback(
    (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest('a[data-ref]') : null;
      if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented) return;
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const { kind, namespace, name } = parseRef(link.dataset.ref ?? '');
      navigate({
        to: '/catalog/$namespace/$kind/$name',
        params: { kind, namespace, name },
        search: { ...search, tab: 'relations' },
        resetScroll: false,
      });
    },
    [navigate, search],
  );
  return { hrefOf, onClick };
}
