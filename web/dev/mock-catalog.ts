import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Entity, FacetValue } from '../src/api/types';
import recorded from './fixtures/entities.json' with { type: 'json' };

/** A template that uses every picker the portal has. */
const service: Entity = {
  apiVersion: 'scaffolder.backstage.io/v1beta3',
  kind: 'Template',
  metadata: {
    name: 'go-service',
    namespace: 'default',
    title: 'New Go service',
    description:
      'A small HTTP service in Go with health checks, a Dockerfile and a pipeline, in a repository of its own.',
    tags: ['recommended', 'go'],
    annotations: { 'backstage.io/managed-by-location': 'url:https://example.com/templates.yaml' },
  },
  spec: {
    owner: 'group:default/team-a',
    type: 'service',
    parameters: [
      {
        title: 'The service',
        required: ['name', 'owner'],
        properties: {
          name: {
            title: 'Name',
            type: 'string',
            description: 'What it is called in the catalog. Used for the **repository** too.',
            minLength: 2,
            maxLength: 40,
            pattern: '^[a-z][a-z0-9-]*$',
            errorMessage: { pattern: 'Small letters, digits and dashes, beginning with a letter.' },
            'ui:field': 'EntityNamePicker',
            'ui:autofocus': true,
          },
          description: { title: 'Description', type: 'string', 'ui:widget': 'textarea', 'ui:options': { rows: 3 } },
          owner: {
            title: 'Owner',
            type: 'string',
            description: 'The group that answers for it.',
            'ui:field': 'OwnerPicker',
            'ui:options': { catalogFilter: { kind: ['Group', 'User'] } },
          },
          system: {
            title: 'System',
            type: 'string',
            'ui:field': 'EntityPicker',
            'ui:options': { catalogFilter: { kind: 'System' }, defaultKind: 'System', allowArbitraryValues: false },
          },
          dependsOn: {
            title: 'Depends on',
            type: 'array',
            items: { type: 'string' },
            'ui:field': 'MultiEntityPicker',
            'ui:options': { catalogFilter: { kind: ['Component', 'Resource'] } },
          },
          tags: { title: 'Tags', type: 'array', items: { type: 'string' }, 'ui:field': 'EntityTagsPicker' },
        },
      },
      {
        title: 'How it runs',
        description: 'These can be changed later in the repository.',
        properties: {
          database: {
            title: 'Database',
            type: 'string',
            enum: ['none', 'postgres'],
            default: 'none',
            'ui:widget': 'radio',
          },
          port: { title: 'Port', type: 'integer', default: 8080, minimum: 1024, maximum: 65535 },
          withDocs: {
            title: 'With documentation',
            type: 'boolean',
            default: true,
            description: 'A docs folder with a first page.',
          },
          environments: {
            title: 'Environments',
            type: 'array',
            uniqueItems: true,
            items: { type: 'string', enum: ['dev', 'staging', 'production'] },
            default: ['dev'],
            'ui:widget': 'checkboxes',
          },
          limits: {
            title: 'Limits',
            type: 'object',
            properties: { cpu: { type: 'string', default: '500m' }, memory: { type: 'string', default: '256Mi' } },
          },
          variables: {
            title: 'Variables',
            type: 'array',
            items: {
              type: 'object',
              required: ['key'],
              properties: { key: { type: 'string', title: 'Key' }, value: { type: 'string', title: 'Value' } },
            },
          },
        },
        dependencies: {
          database: {
            oneOf: [
              { properties: { database: { enum: ['none'] } } },
              {
                required: ['databaseSize'],
                properties: {
                  database: { enum: ['postgres'] },
                  databaseSize: {
                    title: 'Database size',
                    type: 'string',
                    enum: ['small', 'large'],
                    'ui:enumNames': ['10 GB', '1 TB'],
                  },
                },
              },
            ],
          },
        },
      },
      {
        title: 'Where it lives',
        required: ['repoUrl'],
        properties: {
          repoUrl: {
            title: 'Repository',
            type: 'string',
            'ui:field': 'RepoUrlPicker',
            'ui:options': { allowedOwners: ['acme', 'acme-labs'] },
          },
          apiToken: {
            title: 'API token',
            type: 'string',
            minLength: 4,
            description: 'Never stored.',
            'ui:field': 'Secret',
          },
          region: { title: 'Region', type: 'string', 'ui:field': 'AcmeRegionPicker' },
        },
      },
    ],
    steps: [
      {
        id: 'fetch',
        name: 'Fetch the skeleton',
        action: 'fetch:template',
        input: { url: './skeleton', values: { name: '${{ parameters.name }}' } },
      },
      {
        id: 'docs',
        name: 'Add documentation',
        if: '${{ parameters.withDocs }}',
        action: 'fetch:plain',
        input: { url: './docs' },
      },
      {
        id: 'publish',
        name: 'Publish the repository',
        action: 'publish:github',
        input: { repoUrl: '${{ parameters.repoUrl }}', token: '***' },
      },
      {
        id: 'register',
        name: 'Register in the catalog',
        action: 'catalog:register',
        input: { repoContentsUrl: '${{ steps.publish.output.repoContentsUrl }}' },
      },
      {
        id: 'notify',
        name: 'Tell the team',
        if: '${{ parameters.environments | length > 1 }}',
        action: 'debug:log',
        input: { message: 'made' },
      },
    ],
  },
  relations: [{ type: 'ownedBy', targetRef: 'group:default/team-a' }],
};

/** Enough components to scroll through. */
const crowd: Entity[] = Array.from({ length: 2500 }, (_, index) => {
  const number = String(index).padStart(4, '0');
  const owner = ['group:default/team-a', 'group:default/acme', 'user:default/breanna.davison'][index % 3] ?? '';
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: {
      name: `worker-${number}`,
      namespace: index % 7 === 0 ? 'batch' : 'default',
      description: `Worker number ${index}, which does one thing well and says so at length in its description`,
      tags: index % 2 === 0 ? ['go'] : ['java', 'legacy'],
    },
    spec: {
      type: index % 5 === 0 ? 'library' : 'service',
      lifecycle: index % 4 === 0 ? 'experimental' : 'production',
      owner,
    },
    relations: [{ type: 'ownedBy', targetRef: owner }],
  };
});

const broken: Entity = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    name: 'broken',
    namespace: 'default',
    title: 'Broken import',
    annotations: {
      'backstage.io/source-location': 'url:https://example.com/acme/broken/tree/main/',
      'backstage.io/source-template': 'template:default/go-service',
    },
    links: [{ url: 'https://example.com/runbook', title: 'Runbook' }],
  },
  spec: { type: 'service', lifecycle: 'production', owner: 'team-a' },
  relations: [{ type: 'ownedBy', targetRef: 'group:default/team-a' }],
  status: {
    items: [
      {
        type: 'backstage.io/catalog-processing',
        level: 'error',
        message:
          'NotFoundError: catalog-info.yaml is no longer at https://example.com/acme/broken/blob/main/catalog-info.yaml',
      },
    ],
  },
};

const exampleFolder = new URL('../../examples/templates/', import.meta.url);

/** The templates that `make demo` shows, as they are. */
const examples: Entity[] = readdirSync(exampleFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }): Entity => {
    const template: Entity = parse(readFileSync(new URL(`${name}/template.yaml`, exampleFolder), 'utf8'));
    return { ...template, relations: [{ type: 'ownedBy', targetRef: String(template.spec?.owner) }] };
  });

export const allEntities: Entity[] = [...(recorded as unknown as Entity[]), ...examples, service, broken, ...crowd];

/** The values at a path as the catalog's search rows have them: arrays and relations give several. */
function valuesAt(entity: Entity, path: string): string[] {
  const lower = path.toLowerCase();
  if (lower.startsWith('relations.')) {
    const type = lower.slice('relations.'.length);
    return (entity.relations ?? [])
      .filter((relation) => relation.type.toLowerCase() === type)
      .map(({ targetRef }) => targetRef);
  }
  const [root = '', ...rest] = path.split('.');
  const value = [root, ...rest].reduce<unknown>(
    (node, part) => (node as Record<string, unknown> | undefined)?.[part],
    entity,
  );
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

export function matches(entity: Entity, filters: readonly string[]): boolean {
  if (filters.length === 0) return true;
  return filters.some((set) => {
    const wanted = new Map<string, string[]>();
    for (const condition of set.split(',')) {
      const [path = '', value] = condition.split(/=(.*)/s);
      wanted.set(path, [...(wanted.get(path) ?? []), ...(value === undefined ? [] : [value.toLowerCase()])]);
    }
    return [...wanted].every(([path, values]) => {
      const actual = valuesAt(entity, path).map((value) => value.toLowerCase());
      return values.length === 0 ? actual.length > 0 : actual.some((value) => values.includes(value));
    });
  });
}

export function sorted(query: URLSearchParams): Entity[] {
  const term = (query.get('fullTextFilterTerm') ?? '').toLowerCase();
  const fields = (query.get('fullTextFilterFields') ?? 'metadata.name').split(',');
  const descending = query.get('orderField')?.endsWith(',desc') ?? false;
  return allEntities
    .filter((entity) => matches(entity, query.getAll('filter')))
    .filter(
      (entity) =>
        !term || fields.some((field) => valuesAt(entity, field).some((value) => value.toLowerCase().includes(term))),
    )
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name) * (descending ? -1 : 1));
}

export function facetValues(entities: readonly Entity[], path: string): FacetValue[] {
  const counts = new Map<string, number>();
  for (const value of entities.flatMap((entity) => valuesAt(entity, path)))
    counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => a.value.localeCompare(b.value));
}
