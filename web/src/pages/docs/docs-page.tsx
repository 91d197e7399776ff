import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Navigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { entityQuery } from '@/api/queries';
import { currentOf, docsAnnotations, pageAddress, siteAddress, siteOf } from '@/docs/site';
import { Reader } from './reader';

const route = getRouteApi('/docs/$namespace/$kind/$name/$');

/** A page of an entity's documentation. */
export function DocsPage() {
  const { namespace, kind, name, _splat = '' } = route.useParams();
  const site = useMemo(() => ({ namespace, kind, name }), [namespace, kind, name]);
  const { data: entity } = useQuery(entityQuery(kind, namespace, currentOf(site).name));
  const elsewhere = elsewhereOf(entity?.metadata.annotations ?? {}, _splat);
  if (elsewhere) return <Navigate to={elsewhere} replace />;
  return <Reader key={siteAddress(site)} site={site} path={_splat.replace(/\/+$/, '')} entity={entity} />;
}

/** Where the documentation is of an entity that names another one's instead of having its own. */
export function elsewhereOf(annotations: Record<string, string>, path: string): string | undefined {
  const other = annotations[docsAnnotations.borrowed];
  if (!other) return undefined;
  const folder = (annotations['backstage.io/techdocs-entity-path'] ?? '').replace(/^\/+/, '');
  return pageAddress(siteOf(other), path === '' ? folder : path);
}
