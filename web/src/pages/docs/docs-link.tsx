import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import type { ComponentProps, MouseEvent } from 'react';
import { isPlain } from '@/docs/article';
import { docsPageQuery } from '@/docs/queries';
import { pathOf } from '@/docs/site';

interface DocsLinkProps extends Omit<ComponentProps<'a'>, 'href'> {
  /** An address of the portal, as it is in a page. */
  address: string;
}

/** A link to a page of documentation. Its address is used as it is, because the pages of a site refer to each other by it. */
export function DocsLink({ address, onClick, ...rest }: DocsLinkProps) {
  const follow = useFollow();
  const prefetch = usePrefetch();
  const click = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || !isPlain(event)) return;
    event.preventDefault();
    follow(address);
  };
  return <a {...rest} href={address} onClick={click} onPointerEnter={() => prefetch(address)} />;
}

/** Goes to an address of the portal. */
export function useFollow(): (address: string) => void {
  const { history } = useRouter();
  return (address) =>
    history.push(address.startsWith('#') ? history.location.pathname + history.location.search + address : address);
}

/** Fetches the page of documentation at an address, which is probably the next to be shown. */
export function usePrefetch(): (address: string) => void {
  const queries = useQueryClient();
  return (address) => {
    const place = pathOf(address);
    if (place) queries.prefetchQuery(docsPageQuery(place.site, place.path));
  };
}
