/** The pages that are not part of the first load. */
export const later = {
  action: () => import('./pages/action/action-page').catch(explain),
  actions: () => import('./pages/actions/actions-page').catch(explain),
  audit: () => import('./pages/audit/audit-page').catch(explain),
  me: () => import('./pages/me/me-page').catch(explain),
  sessions: () => import('./pages/sessions/sessions-page').catch(explain),
  explain: () => import('./pages/explain/explain-page').catch(explain),
  gallery: () => import('./pages/gallery/gallery-page').catch(explain),
  template: () => import('./pages/template/template-page').catch(explain),
  runs: () => import('./pages/runs/runs-page').catch(explain),
  run: () => import('./pages/run/run-page').catch(explain),
  catalog: () => import('./pages/catalog/catalog-page').catch(explain),
  temporal: () => import('./pages/temporal/temporal-page').catch(explain),
  sources: () => import('./pages/sources/sources-page').catch(explain),
  source: () => import('./pages/source/source-page').catch(explain),
  import: () => import('./pages/import/import-page').catch(explain),
  health: () => import('./pages/health/health-page').catch(explain),
  unread: () => import('./pages/unread/unread-page').catch(explain),
  roles: () => import('./pages/roles/roles-page').catch(explain),
  role: () => import('./pages/role/role-page').catch(explain),
  roleEditor: () => import('./pages/role/editor-page').catch(explain),
  search: () => import('./pages/search/search-page').catch(explain),
  docs: () => import('./pages/docs/docs-page').catch(explain),
  docsList: () => import('./pages/docs-list/docs-list-page').catch(explain),
  entity: () => import('./pages/entity/entity-page').catch(explain),
};

const parts = [
  ...Object.values(later),
  () => import('./pages/template/form/page-form'),
  () => import('./pages/entity/api/api-tab'),
  () => import('./ui/markdown-renderer'),
  () => import('./ui/yaml-source'),
];

/**
 * Prefetches all pages and what they load on demand. Prefetched pages open at once, also while the server is
 * unreachable and after an upgrade.
 */
export function fetchTheRest(): void {
  for (const load of parts) load().catch(() => undefined);
}

/**
 * A page that cannot be loaded may belong to a version that is no longer served. Then the router reloads
 * everything, which helps only if the server answers. If it does not, that is the error.
 */
async function explain(cause: unknown): Promise<never> {
  await fetch('/', { method: 'HEAD' });
  throw cause;
}
