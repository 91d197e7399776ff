import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';
import { queryString } from './api/request';
import { movedTo } from './backstage-addresses';
import { later } from './later';
import { HomePage } from './pages/home/home-page';
import { NotFoundPage } from './pages/not-found/not-found-page';
import {
  parseSearch,
  readActionsSearch,
  readAuditSearch,
  readCatalogSearch,
  readDocsSearch,
  readEntitySearch,
  readExplainSearch,
  readGallerySearch,
  readHealthSearch,
  readImportSearch,
  readRolesSearch,
  readRunSearch,
  readRunsSearch,
  readSearchSearch,
  readSessionsSearch,
  readTemplateSearch,
  readUnreadSearch,
} from './search-params';
import { Frame } from './shell/frame';
import { ErrorPanel } from './ui/states';

interface RouterContext {
  queries: QueryClient;
  signOut: () => void;
}

const root = createRootRouteWithContext<RouterContext>()({
  component: Root,
  beforeLoad: ({ location }) => {
    const address = movedTo(location.pathname, location.search);
    if (address) throw redirect({ ...address, replace: true });
  },
  notFoundComponent: NotFoundPage,
  errorComponent: ({ error }) => (
    <ErrorPanel
      error={error instanceof Error ? error : new Error(String(error))}
      doing="show this page"
      onRetry={() => window.location.reload()}
    />
  ),
});

function Root() {
  const { signOut } = root.useRouteContext();
  return <Frame onSignOut={signOut} />;
}

const home = createRoute({ getParentRoute: () => root, path: '/', component: HomePage });

const gallery = createRoute({
  getParentRoute: () => root,
  path: '/create',
  validateSearch: readGallerySearch,
  component: lazyRouteComponent(later.gallery, 'GalleryPage'),
});

const actions = createRoute({
  getParentRoute: () => root,
  path: '/create/actions',
  validateSearch: readActionsSearch,
  component: lazyRouteComponent(later.actions, 'ActionsPage'),
});

const action = createRoute({
  getParentRoute: () => root,
  path: '/create/actions/$id',
  component: lazyRouteComponent(later.action, 'ActionPage'),
});

const template = createRoute({
  getParentRoute: () => root,
  path: '/create/templates/$namespace/$name',
  validateSearch: readTemplateSearch,
  component: lazyRouteComponent(later.template, 'TemplatePage'),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: '/runs',
  validateSearch: readRunsSearch,
  component: lazyRouteComponent(later.runs, 'RunsPage'),
});

const run = createRoute({
  getParentRoute: () => root,
  path: '/runs/$id',
  validateSearch: readRunSearch,
  component: lazyRouteComponent(later.run, 'RunPage'),
});

const catalog = createRoute({
  getParentRoute: () => root,
  path: '/catalog',
  validateSearch: readCatalogSearch,
  component: lazyRouteComponent(later.catalog, 'CatalogPage'),
});

const entity = createRoute({
  getParentRoute: () => root,
  path: '/catalog/$namespace/$kind/$name',
  validateSearch: readEntitySearch,
  component: lazyRouteComponent(later.entity, 'EntityPage'),
});

const health = createRoute({
  getParentRoute: () => root,
  path: '/catalog/health',
  validateSearch: readHealthSearch,
  component: lazyRouteComponent(later.health, 'HealthPage'),
});

const unread = createRoute({
  getParentRoute: () => root,
  path: '/catalog/unread',
  validateSearch: readUnreadSearch,
  component: lazyRouteComponent(later.unread, 'UnreadPage'),
});

const importing = createRoute({
  getParentRoute: () => root,
  path: '/catalog/import',
  validateSearch: readImportSearch,
  component: lazyRouteComponent(later.import, 'ImportPage'),
});

const sources = createRoute({
  getParentRoute: () => root,
  path: '/catalog/sources',
  component: lazyRouteComponent(later.sources, 'SourcesPage'),
});

const source = createRoute({
  getParentRoute: () => root,
  path: '/catalog/sources/$name',
  component: lazyRouteComponent(later.source, 'SourcePage'),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(later.audit, 'AuditPage'),
});

const explain = createRoute({
  getParentRoute: () => root,
  path: '/explain',
  validateSearch: readExplainSearch,
  component: lazyRouteComponent(later.explain, 'ExplainPage'),
});

const roles = createRoute({
  getParentRoute: () => root,
  path: '/roles',
  validateSearch: readRolesSearch,
  component: lazyRouteComponent(later.roles, 'RolesPage'),
});

const newRole = createRoute({
  getParentRoute: () => root,
  path: '/roles/new',
  component: lazyRouteComponent(later.roleEditor, 'NewRolePage'),
});

const role = createRoute({
  getParentRoute: () => root,
  path: '/roles/$namespace/$name',
  component: lazyRouteComponent(later.role, 'RolePage'),
});

const editRole = createRoute({
  getParentRoute: () => root,
  path: '/roles/$namespace/$name/edit',
  component: lazyRouteComponent(later.roleEditor, 'EditRolePage'),
});

const me = createRoute({
  getParentRoute: () => root,
  path: '/me',
  component: lazyRouteComponent(later.me, 'MePage'),
});

const sessions = createRoute({
  getParentRoute: () => root,
  path: '/sessions',
  validateSearch: readSessionsSearch,
  component: lazyRouteComponent(later.sessions, 'SessionsPage'),
});

const search = createRoute({
  getParentRoute: () => root,
  path: '/search',
  validateSearch: readSearchSearch,
  component: lazyRouteComponent(later.search, 'SearchPage'),
});

const docsList = createRoute({
  getParentRoute: () => root,
  path: '/docs',
  validateSearch: readDocsSearch,
  component: lazyRouteComponent(later.docsList, 'DocsListPage'),
});

const docs = createRoute({
  getParentRoute: () => root,
  path: '/docs/$namespace/$kind/$name/$',
  component: lazyRouteComponent(later.docs, 'DocsPage'),
});

const temporal = createRoute({
  getParentRoute: () => root,
  path: '/temporal/$',
  component: lazyRouteComponent(later.temporal, 'TemporalPage'),
});

const routes = root.addChildren([
  home,
  gallery,
  actions,
  action,
  template,
  runs,
  run,
  catalog,
  health,
  importing,
  unread,
  sources,
  source,
  entity,
  audit,
  explain,
  roles,
  newRole,
  role,
  editRole,
  me,
  sessions,
  search,
  docsList,
  docs,
  temporal,
]);

/**
 * The portal's router. Lists keep their scroll position on return, and pages are prefetched when the pointer
 * is on a link to them.
 */
export function createPortal(queries: QueryClient, signOut: () => void) {
  return createRouter({
    routeTree: routes,
    context: { queries, signOut },
    // Plain search parameters, `?tag=a&tag=b`, which other tools can build.
    parseSearch,
    stringifySearch: (search) => queryString(search),
    scrollRestoration: true,
    defaultPreload: 'intent',
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPortal>;
  }
}
