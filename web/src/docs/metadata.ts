import type { DocsMetadata } from '@/api/types';

/** When a site was built. Other programs write its metadata too: what is no moment counts as none. */
export function builtAt(metadata: DocsMetadata | undefined): string | undefined {
  const at = new Date(metadata?.build_timestamp ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
