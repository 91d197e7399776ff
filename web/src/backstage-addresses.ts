/** An address of the portal. */
interface Address {
  to: string;
  search?: Record<string, string>;
}

type Search = Record<string, unknown>;

/**
 * The addresses that pages of Backstage have and that the portal's pages do not: bookmarks, notifications and other tools
 * hold them. Groups of a pattern are given to its function.
 */
const moved: [RegExp, (search: Search, ...groups: string[]) => Address | undefined][] = [
  [/^\/api-docs$/, () => ({ to: '/catalog', search: { kind: 'api' } })],
  [/^\/catalog-import$/, () => ({ to: '/catalog/import' })],
  [/^\/create\/tasks$/, () => ({ to: '/runs' })],
  [/^\/create\/tasks\/([^/]+)$/, (_, id) => ({ to: `/runs/${id}` })],
  [/^\/create\/templates\/([^/]+)$/, (_, name) => ({ to: `/create/templates/default/${name}` })],
  [/^\/catalog\/([^/]+\/[^/]+\/[^/]+)\/docs(\/.*)?$/, (_, entity, path = '') => ({ to: `/docs/${entity}${path}` })],
  // The parts of an entity's page have addresses of their own there.
  [/^(\/catalog\/[^/]+\/[^/]+\/[^/]+)\/.+$/, (_, entity) => ({ to: String(entity) })],
  [
    /^\/catalog-graph$/,
    (search) => relationsAddress([search['rootEntityRefs[]'], search['rootEntityRefs[0]']].flat()[0]),
  ],
];

/** Where a page of Backstage is in the portal; undefined for an address that is not one of Backstage's. */
export function movedTo(pathname: string, search: Search): Address | undefined {
  const path = pathname.replace(/\/+$/, '');
  for (const [pattern, address] of moved) {
    const match = pattern.exec(path);
    if (match) return address(search, ...match.slice(1));
  }
  return undefined;
}

function relationsAddress(ref: unknown): Address | undefined {
  const match = typeof ref === 'string' ? /^([^:/]+):([^:/]+)\/([^:/]+)$/.exec(ref) : null;
  return match ? { to: `/catalog/${match[2]}/${match[1]}/${match[3]}`, search: { tab: 'relations' } } : undefined;
}
