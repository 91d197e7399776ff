import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import type { Entity } from '../src/api/types';
import actions from './fixtures/actions.json' with { type: 'json' };
import { allEntities, facetValues, matches, sorted } from './mock-catalog.ts';
import { answerDocs } from './mock-docs.ts';
import { type MockRun, MockRuns } from './mock-runs.ts';
import { searchMock } from './mock-search.ts';

interface Answer {
  status?: number;
  body: unknown;
}

type Route = [method: string, path: RegExp, answer: (call: Call) => Answer];

interface Call {
  parts: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}

/**
 * A mock of Portico's API for the development server, with recorded entities and simulated runs. It is for
 * working on states that are hard to reach in a real Portico, and is not part of the portal.
 */
export function mockBackend(): Plugin {
  const runs = new MockRuns();
  const routes = routesOf(runs);
  return {
    name: 'portico:mock-backend',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const url = new URL(request.url ?? '/', 'http://mock');
        if (!url.pathname.startsWith('/api/')) return next();
        const stream = /^\/api\/scaffolder\/v2\/tasks\/([^/]+)\/eventstream$/.exec(url.pathname);
        if (await answerDocs(url.pathname, response)) return;
        if (stream) return runs.stream(stream[1] ?? '', Number(url.searchParams.get('after') ?? 0), response);
        const body = await readBody(request);
        for (const [method, path, answer] of routes) {
          const match = path.exec(url.pathname);
          if (match && method === request.method) {
            return reply(
              response,
              answer({ parts: match.slice(1).map(decodeURIComponent), query: url.searchParams, body }),
            );
          }
        }
        response.writeHead(404).end();
      });
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
}

function reply(response: ServerResponse, { status = 200, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function refused(status: number, name: string, message: string): Answer {
  return { status, body: { error: { name, message }, response: { statusCode: status } } };
}

function routesOf(runs: MockRuns): Route[] {
  return [
    ['GET', /^\/api\/portico\/v1\/sign-in$/, () => ({ body: { title: info.title, signIn: info.signIn } })],
    ['GET', /^\/api\/portico\/v1\/info$/, () => ({ body: info })],
    ['POST', /^\/api\/auth\/guest\/refresh$/, () => ({ body: guest() })],
    ['GET', /^\/api\/catalog\/entities\/by-query$/, ({ query }) => ({ body: page(query) })],
    ['GET', /^\/api\/catalog\/entities\/by-name\/([^/]+)\/([^/]+)\/([^/]+)$/, ({ parts }) => byName(parts)],
    [
      'GET',
      /^\/api\/catalog\/entities\/unprocessed\/(failed|pending)$/,
      () => ({ body: { type: 'failed', entities: [] } }),
    ],
    ['GET', /^\/api\/portico\/v1\/search$/, ({ query }) => ({ body: searchMock(query) })],
    ['GET', /^\/api\/catalog\/entity-facets$/, ({ query }) => ({ body: facetsOf(query) })],
    ['GET', /^\/api\/scaffolder\/v2\/actions$/, () => ({ body: actions })],
    ['GET', /^\/api\/portico\/v1\/template-findings$/, () => ({ body: { templates: [] } })],
    [
      'GET',
      /^\/api\/scaffolder\/v2\/templates\/([^/]+)\/template\/([^/]+)\/parameter-schema$/,
      ({ parts }) => parameters(parts),
    ],
    ['POST', /^\/api\/scaffolder\/v2\/tasks$/, ({ body }) => create(runs, body)],
    ['GET', /^\/api\/scaffolder\/v2\/tasks\/([^/]+)$/, ({ parts }) => ofRun(runs, parts, (run) => runs.task(run))],
    [
      'POST',
      /^\/api\/scaffolder\/v2\/tasks\/([^/]+)\/retry$/,
      ({ parts }) => ofRun(runs, parts, (run) => runs.retry(run), 201),
    ],
    [
      'POST',
      /^\/api\/scaffolder\/v2\/tasks\/([^/]+)\/cancel$/,
      ({ parts }) => ofRun(runs, parts, (run) => runs.cancel(run)),
    ],
    [
      'POST',
      /^\/api\/portico\/v1\/runs\/([^/]+)\/rollback$/,
      ({ parts }) => ofRun(runs, parts, (run) => runs.rollBack(run), 202),
    ],
    ['GET', /^\/api\/portico\/v1\/runs\/([^/]+)$/, ({ parts }) => ofRun(runs, parts, (run) => runs.detail(run))],
    ['GET', /^\/api\/portico\/v1\/run-causes$/, () => ({ body: runs.causes() })],
    ['GET', /^\/api\/portico\/v1\/runs$/, ({ query }) => ({ body: runs.list(query) })],
  ];
}

const info = {
  title: 'Portico',
  version: 'mock',
  baseUrl: 'http://127.0.0.1:5173',
  temporalUi: 'http://127.0.0.1:8233',
  integrations: [{ type: 'github', host: 'git.localhost:7020' }],
  signIn: { environment: 'development', redirect: false, providers: ['guest'] },
  roles: false,
  fields: [],
  decorators: [],
  docs: { sanitizer: {} },
};

function guest() {
  const claims = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 3600 })).toString('base64url');
  return {
    profile: { displayName: 'Guest' },
    backstageIdentity: {
      token: `header.${claims}.signature`,
      identity: {
        type: 'user',
        userEntityRef: 'user:default/guest',
        ownershipEntityRefs: ['user:default/guest', 'group:default/team-a'],
      },
    },
  };
}

function page(query: URLSearchParams) {
  const limit = Number(query.get('limit') ?? 200);
  const cursor = query.get('cursor');
  const { offset, search } = cursor
    ? JSON.parse(Buffer.from(cursor, 'base64').toString())
    : { offset: Number(query.get('offset') ?? 0), search: query.toString() };
  const all = sorted(new URLSearchParams(search));
  const next =
    offset + limit < all.length && Buffer.from(JSON.stringify({ offset: offset + limit, search })).toString('base64');
  return {
    items: all.slice(offset, offset + limit),
    totalItems: all.length,
    pageInfo: next ? { nextCursor: next } : {},
  };
}

function facetsOf(query: URLSearchParams) {
  const entities = allEntities.filter((entity) => matches(entity, query.getAll('filter')));
  return { facets: Object.fromEntries(query.getAll('facet').map((path) => [path, facetValues(entities, path)])) };
}

function find(kind: string, namespace: string, name: string): Entity | undefined {
  return allEntities.find(
    (entity) =>
      entity.kind.toLowerCase() === kind.toLowerCase() &&
      (entity.metadata.namespace ?? 'default') === namespace &&
      entity.metadata.name === name,
  );
}

function byName([kind = '', namespace = '', name = '']: string[]): Answer {
  const entity = find(kind, namespace, name);
  if (entity) return { body: entity };
  return refused(
    404,
    'NotFoundError',
    `No entity named '${name}' found, with kind '${kind}' in namespace '${namespace}'`,
  );
}

function parameters([namespace = '', name = '']: string[]): Answer {
  const template = find('template', namespace, name);
  if (!template) return refused(404, 'NotFoundError', `Template template:${namespace}/${name} not found`);
  const { parameters: pages = [], presentation } = template.spec ?? {};
  const list = (Array.isArray(pages) ? pages : [pages]) as Record<string, unknown>[];
  return {
    body: {
      title: template.metadata.title ?? name,
      description: template.metadata.description,
      presentation,
      steps: list.map((schema) => ({
        title: schema.title ?? 'Please enter the following information',
        description: schema.description,
        schema,
      })),
    },
  };
}

function create(runs: MockRuns, { templateRef, values = {} }: Record<string, unknown>): Answer {
  const name = String(templateRef).split('/').at(-1) ?? '';
  const template = find('template', 'default', name);
  if (!template) return refused(404, 'NotFoundError', `Template ${templateRef} not found`);
  if ((values as { name?: string }).name === 'taken') {
    const problem = { path: ['name'], property: 'instance.name', message: 'is taken', stack: 'instance.name is taken' };
    return { status: 400, body: { errors: [problem] } };
  }
  return { status: 201, body: { id: runs.start(template, values as Record<string, unknown>).id } };
}

function ofRun(runs: MockRuns, [id = '']: string[], answer: (run: MockRun) => unknown, status = 200): Answer {
  const run = runs.find(id);
  return run ? { status, body: answer(run) } : refused(404, 'NotFoundError', `No task with id '${id}' found`);
}
