import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect } from 'react';
import { enterTemporal } from '@/api/portal';
import { ErrorPanel, Skeleton } from '@/ui/states';

const route = getRouteApi('/temporal/$');

/** Opens Temporal's Web UI: it is no part of the portal, so the browser first gets a cookie for it. */
export function TemporalPage() {
  const { _splat: page = '' } = route.useParams();
  const entry = useQuery({
    queryKey: ['temporal', page],
    queryFn: ({ signal }) => enterTemporal(signal),
    gcTime: 0,
    retry: false,
  });
  useEffect(() => {
    document.title = 'Temporal · Portico';
  }, []);
  useEffect(() => {
    if (entry.isSuccess) window.location.replace(`/api/temporal/ui/${page}${window.location.search}`);
  }, [entry.isSuccess, page]);

  return (
    <div className="max-w-3xl space-y-4">
      <h1 className="text-title">Temporal</h1>
      {entry.error ? (
        <ErrorPanel error={entry.error} doing="open Temporal's Web UI" onRetry={() => entry.refetch()} />
      ) : (
        <Skeleton lines={3} />
      )}
    </div>
  );
}
