/**
 * The search parameters of each page. Unknown and invalid ones are dropped, so that an old or mistyped link
 * still opens the page.
 */

type Raw = Record<string, unknown>;

/** Search parameters: a text each, or a list for a repeated one. */
export function parseSearch(search: string): Raw {
  const parameters = new URLSearchParams(search);
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((key) => {
      const values = parameters.getAll(key);
      return [key, values.length > 1 ? values : values[0]];
    }),
  );
}

function text(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function texts(value: unknown): string[] | undefined {
  const list = (Array.isArray(value) ? value : [value]).map(text).filter((item) => item !== undefined);
  return list.length > 0 ? list : undefined;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((item) => item === value);
}

function wholeNumber(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

function atMost(value: number | undefined, most: number): number | undefined {
  return value === undefined ? undefined : Math.min(value, most);
}

/** Drops the keys without a value, so that URLs stay short. */
function compact<T extends object>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

export const readGallerySearch = (raw: Raw) => compact({ q: text(raw.q), tag: text(raw.tag) });

/**
 * page counts the form's pages from 1; the one after the last is the review. formData is JSON, Backstage's
 * format for values.
 */
export const readTemplateSearch = (raw: Raw) => compact({ page: wholeNumber(raw.page), formData: text(raw.formData) });

export const runViews = ['log', 'input', 'output'] as const;
export type RunView = (typeof runViews)[number];

/** line is `12` or `12-20`, counted from 1 in the log of the step. */
export const readRunSearch = (raw: Raw) =>
  compact({ step: text(raw.step), view: oneOf(raw.view, runViews), line: text(raw.line), find: text(raw.find) });

const runStatuses = ['processing', 'completed', 'failed'] as const;
/** The phases of runs that did not complete; Backstage's status of all of them is failed. */
const runPhases = ['parked', 'cancelled', 'rolledBack'] as const;

/** url is what is looked into. */
export const readImportSearch = (raw: Raw) => compact({ url: text(raw.url) });

export const readRunsSearch = (raw: Raw) =>
  compact({
    status: oneOf(raw.status, runStatuses),
    phase: oneOf(raw.phase, runPhases),
    template: text(raw.template),
    by: text(raw.by),
    cause: text(raw.cause),
    group: oneOf(raw.group, ['cause'] as const),
  });

export type RunsSearch = ReturnType<typeof readRunsSearch>;

/** The facets of the catalog: search parameter, path in the entity, heading. */
export const facets = [
  { key: 'owner', path: 'relations.ownedBy', label: 'Owner' },
  { key: 'type', path: 'spec.type', label: 'Type' },
  { key: 'lifecycle', path: 'spec.lifecycle', label: 'Lifecycle' },
  { key: 'tag', path: 'metadata.tags', label: 'Tag' },
  { key: 'namespace', path: 'metadata.namespace', label: 'Namespace' },
] as const;

export type FacetKey = (typeof facets)[number]['key'];

export type CatalogSearch = { kind?: string; q?: string; sort?: 'name' | '-name' } & { [K in FacetKey]?: string[] };

export const readCatalogSearch = (raw: Raw): CatalogSearch =>
  compact({
    kind: text(raw.kind),
    q: text(raw.q),
    sort: oneOf(raw.sort, ['name', '-name'] as const),
    owner: texts(raw.owner),
    type: texts(raw.type),
    lifecycle: texts(raw.lifecycle),
    tag: texts(raw.tag),
    namespace: texts(raw.namespace),
  });

/**
 * Kinds with their own page, and those that only describe the origin of others, have a tab in the catalog but
 * are not listed among all entities.
 */
const listedElsewhere = ['location', 'template'];

export function isListedByDefault(kind: string): boolean {
  return !listedElsewhere.includes(kind.toLowerCase());
}

const auditOutcomes = ['done', 'denied', 'failed'] as const;
const day = (value: unknown) => (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined);

/** since and until are days in UTC. */
export const readAuditSearch = (raw: Raw) =>
  compact({
    who: text(raw.who),
    action: text(raw.action),
    resource: text(raw.resource),
    outcome: oneOf(raw.outcome, auditOutcomes),
    since: day(raw.since),
    until: day(raw.until),
  });

export type AuditSearch = ReturnType<typeof readAuditSearch>;

export const readExplainSearch = (raw: Raw) =>
  compact({ user: text(raw.user), permission: text(raw.permission), resource: text(raw.resource) });

export type ExplainSearch = ReturnType<typeof readExplainSearch>;

export const readRolesSearch = (raw: Raw) => compact({ q: text(raw.q) });

/** The filters of the search, by the name of the field; Backstage's page writes them as filters[kind]. */
export const searchFilters = ['kind', 'type', 'owner', 'lifecycle', 'tag', 'lang'] as const;
export type SearchFilter = (typeof searchFilters)[number];

export function isSearchFilter(field: string): field is SearchFilter {
  return searchFilters.some((filter) => filter === field);
}

export type SearchSearch = {
  query?: string;
  'types[]'?: string[];
  'filters[kind][]'?: string[];
  'filters[type][]'?: string[];
  'filters[owner][]'?: string[];
  'filters[lifecycle][]'?: string[];
  'filters[tag][]'?: string[];
  'filters[lang][]'?: string[];
  pageCursor?: string;
};

/** The parameters of Backstage's search page, in the forms in which it writes lists. */
export const readSearchSearch = (raw: Raw): SearchSearch =>
  compact({
    query: text(raw.query),
    'types[]': listOf(raw, 'types'),
    'filters[kind][]': listOf(raw, 'filters[kind]'),
    'filters[type][]': listOf(raw, 'filters[type]'),
    'filters[owner][]': listOf(raw, 'filters[owner]'),
    'filters[lifecycle][]': listOf(raw, 'filters[lifecycle]'),
    'filters[tag][]': listOf(raw, 'filters[tag]'),
    'filters[lang][]': listOf(raw, 'filters[lang]'),
    pageCursor: text(raw.pageCursor),
  });

/** The values of a list that is written as key, key[] or key[0]. */
function listOf(raw: Raw, key: string): string[] | undefined {
  const keys = Object.keys(raw).filter(
    (other) => other === key || (other.startsWith(`${key}[`) && /\[\d*\]$/.test(other.slice(key.length))),
  );
  return texts(keys.flatMap((other) => raw[other]));
}

export const readDocsSearch = (raw: Raw) => compact({ q: text(raw.q) });

export const readSessionsSearch = (raw: Raw) => compact({ user: text(raw.user) });

export const readActionsSearch = (raw: Raw) => compact({ q: text(raw.q) });

export const healthLists = ['conflicts', 'unowned', 'dangling', 'duplicates', 'orphans'] as const;
export type HealthList = (typeof healthLists)[number];

export const readHealthSearch = (raw: Raw) => compact({ of: oneOf(raw.of, healthLists) });

export const unreadLists = ['failed', 'pending'] as const;
export type UnreadList = (typeof unreadLists)[number];

export const readUnreadSearch = (raw: Raw) => compact({ of: oneOf(raw.of, unreadLists) });

export const entityTabs = ['overview', 'api', 'relations', 'explain', 'history', 'yaml'] as const;

export const relationDirections = ['both', 'forward', 'backward', 'all'] as const;
export type RelationDirection = (typeof relationDirections)[number];

export const mostDepth = 5;

/**
 * depth, direction and hide (kinds) select what the tab of relations shows; q and item what that of an API does. view is
 * how a tab shows it.
 */
export const readEntitySearch = (raw: Raw) =>
  compact({
    tab: oneOf(raw.tab, entityTabs),
    depth: atMost(wholeNumber(raw.depth), mostDepth),
    direction: oneOf(raw.direction, relationDirections),
    hide: texts(raw.hide),
    q: text(raw.q),
    item: text(raw.item),
    view: oneOf(raw.view, ['list', 'raw', 'json'] as const),
  });
