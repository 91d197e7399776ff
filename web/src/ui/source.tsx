import { lazy, Suspense } from 'react';
import { Skeleton } from './states';

const Yaml = lazy(() => import('./yaml-source'));

interface SourceProps {
  label: string;
  value: unknown;
  /** A line that is marked, such as the one with an error. */
  line?: number;
}

/** Data or text as YAML, coloured, copyable. */
export function Source(props: SourceProps) {
  return (
    <Suspense fallback={<Skeleton />}>
      <Yaml {...props} />
    </Suspense>
  );
}
