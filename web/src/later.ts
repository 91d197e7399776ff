/** The pages that a first visit does not load. */
export const later = {
  actions: () => import('./pages/actions/actions-page').catch(explain),
  gallery: () => import('./pages/gallery/gallery-page').catch(explain),
  template: () => import('./pages/template/template-page').catch(explain),
  runs: () => import('./pages/runs/runs-page').catch(explain),
  run: () => import('./pages/run/run-page').catch(explain),
  catalog: () => import('./pages/catalog/catalog-page').catch(explain),
  unread: () => import('./pages/unread/unread-page').catch(explain),
  entity: () => import('./pages/entity/entity-page').catch(explain),
};

const parts = [
  ...Object.values(later),
  () => import('./pages/template/form/page-form'),
  () => import('./ui/markdown-renderer'),
  () => import('./ui/yaml-source'),
];

/**
 * Fetches them all, and what they load when they need it. What is here opens at once, also while the server is away
 * and after another version of it took its place.
 */
export function fetchTheRest(): void {
  for (const load of parts) load().catch(() => undefined);
}

/**
 * A page that does not come may be of a version that is no longer served; then the router loads everything anew,
 * which helps only if there is somebody to load it from. If nobody answers, that is the error.
 */
async function explain(cause: unknown): Promise<never> {
  await fetch('/', { method: 'HEAD' });
  throw cause;
}
