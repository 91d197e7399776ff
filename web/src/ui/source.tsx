import { lazy, Suspense } from 'react';
import { Skeleton } from './states';

const Yaml = lazy(() => import('./yaml-source'));

/** Data or text as YAML, coloured, copyable. */
export function Source({ label, value }: { label: string; value: unknown }) {
  return (
    <Suspense fallback={<Skeleton />}>
      <Yaml label={label} value={value} />
    </Suspense>
  );
}
