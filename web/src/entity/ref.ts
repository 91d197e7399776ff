import type { Entity } from '@/api/types';

export interface EntityRef {
  kind: string;
  namespace: string;
  name: string;
}

/** Parses `[kind:][namespace/]name` with the given defaults for kind and namespace. */
export function parseRef(ref: string, defaultKind = 'component', defaultNamespace = 'default'): EntityRef {
  const colon = ref.indexOf(':');
  const kind = colon >= 0 ? ref.slice(0, colon) : defaultKind;
  const path = ref.slice(colon + 1);
  const slash = path.indexOf('/');
  return {
    kind: kind.toLowerCase(),
    namespace: (slash >= 0 ? path.slice(0, slash) : defaultNamespace).toLowerCase(),
    name: path.slice(slash + 1),
  };
}

/** The full reference in lower case, as in stored relations. */
export function stringifyRef({ kind, namespace, name }: EntityRef): string {
  return `${kind}:${namespace}/${name}`.toLowerCase();
}

export function refOf(entity: Pick<Entity, 'kind' | 'metadata'>): string {
  return stringifyRef({ kind: entity.kind, namespace: namespaceOf(entity), name: entity.metadata.name });
}

export function namespaceOf(entity: Pick<Entity, 'metadata'>): string {
  return entity.metadata.namespace ?? 'default';
}

/**
 * A short reference: the name, after the kind and namespace if they differ from the given kind and the
 * default namespace.
 */
export function humanizeRef(ref: string, defaultKind?: string): string {
  const { kind, namespace, name } = parseRef(ref);
  const path = namespace === 'default' ? name : `${namespace}/${name}`;
  return defaultKind === undefined || kind === defaultKind ? path : `${kind}:${path}`;
}

/** The display name of an entity: its title, the display name of its profile, or its name. */
export function displayName(entity: Pick<Entity, 'metadata' | 'spec'>): string {
  const profile = entity.spec?.profile as { displayName?: string } | undefined;
  return entity.metadata.title ?? profile?.displayName ?? entity.metadata.name;
}

export function ownersOf(entity: Entity): string[] {
  return (entity.relations ?? [])
    .filter((relation) => relation.type === 'ownedBy')
    .map((relation) => relation.targetRef);
}

const plurals: Record<string, string> = {
  airesource: 'AI resources',
  api: 'APIs',
  component: 'Components',
  domain: 'Domains',
  group: 'Groups',
  location: 'Locations',
  resource: 'Resources',
  system: 'Systems',
  template: 'Templates',
  user: 'Users',
};

export function kindLabel(kind: string): string {
  return plurals[kind.toLowerCase()] ?? kind;
}
