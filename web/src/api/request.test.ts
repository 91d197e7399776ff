// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deleteRole } from './access';
import { queryEntities } from './catalog';
import { ApiError, nextMove } from './errors';
import { queryString } from './request';
import { cancelRun, fetchRun, retryRun } from './runs';
import { forget } from './session';
import { createTask } from './templates';

function token(): string {
  return `h.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 3600 }))}.s`;
}

function answer(status: number, body?: unknown): Response {
  return new Response(body === undefined ? null : JSON.stringify(body), { status });
}

/** A response that is cut off. */
function broken(): Response {
  const body = new ReadableStream({
    start(stream) {
      stream.enqueue(new TextEncoder().encode('{"id":'));
      stream.error(new TypeError('The connection was lost'));
    },
  });
  return new Response(body, { status: 201 });
}

const signedIn = () => answer(200, { backstageIdentity: { token: token(), identity: {} }, profile: {} });

let fetched: ReturnType<typeof vi.fn<(address: string, request?: RequestInit) => Promise<Response>>>;

beforeEach(() => {
  forget();
  fetched = vi.fn();
  vi.stubGlobal('fetch', fetched);
});

afterEach(() => vi.unstubAllGlobals());

describe('requests', () => {
  it('have the token, and renew it once when it is refused', async () => {
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(401, { error: { name: 'AuthenticationError', message: 'Illegal token' } }));
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(200, { id: 'a b' }));
    expect(await fetchRun('a b')).toEqual({ id: 'a b' });
    const [address, request] = fetched.mock.calls[3] ?? [];
    expect(address).toBe('/api/portico/v1/runs/a%20b');
    expect(request?.headers).toHaveProperty('Authorization');
  });

  it('for a next page have the cursor and not the first page’s filter', async () => {
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(200, {}));
    await queryEntities({
      filter: ['kind=component'],
      text: 'x',
      orderField: 'metadata.name,asc',
      limit: 5,
      cursor: 'c',
    });
    expect(fetched.mock.calls[1]?.[0]).toBe('/api/catalog/entities/by-query?limit=5&cursor=c');
  });

  it('to delete a role are about the version that was read', async () => {
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(204));
    await deleteRole('default/builders', 'v1');
    const [address, request] = fetched.mock.calls[1] ?? [];
    expect(address).toBe('/api/permission/roles/role/default/builders');
    expect(request).toMatchObject({ method: 'DELETE', headers: { 'If-Match': '"v1"' } });
  });
});

describe('commands', () => {
  const keys = () =>
    fetched.mock.calls
      .filter(([address]) => /\/(tasks|retry|cancel)$/.test(address))
      .map(([, request]) => new Headers(request?.headers).get('Idempotency-Key'));
  const create = (name: string) => createTask('template:default/service', { name }, {});

  beforeEach(() => {
    fetched.mockResolvedValueOnce(signedIn());
  });

  it('that are repeated without a response keep their key', async () => {
    fetched.mockRejectedValueOnce(new TypeError('Failed to fetch'));
    fetched.mockResolvedValueOnce(answer(502));
    fetched.mockResolvedValueOnce(answer(500, { error: { name: 'Error', message: 'The database went away' } }));
    const underWay = { error: { name: 'ConflictError', message: 'It is still being carried out' } };
    fetched.mockResolvedValueOnce(
      new Response(JSON.stringify(underWay), { status: 409, headers: { 'Retry-After': '5' } }),
    );
    fetched.mockResolvedValueOnce(broken());
    fetched.mockResolvedValueOnce(answer(201, { id: 'a' }));
    await expect(create('web')).rejects.toThrow('Failed to fetch');
    await expect(create('web')).rejects.toThrow(ApiError);
    await expect(create('web')).rejects.toThrow('The database went away');
    await expect(create('web')).rejects.toThrow('It is still being carried out');
    await expect(create('web')).rejects.toThrow('The connection was lost');
    await create('web');
    const [first, ...others] = keys();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(others).toEqual(Array(5).fill(first));
  });

  it('that cancel a run after a retry have another key, even without a response to the first', async () => {
    fetched.mockRejectedValueOnce(new TypeError('Failed to fetch'));
    fetched.mockImplementation(async () => answer(200, {}));
    await expect(cancelRun('a', 1)).rejects.toThrow('Failed to fetch');
    await cancelRun('a', 2);
    await cancelRun('a', 1);
    const [first, ...others] = keys();
    expect(others).toEqual([expect.not.stringMatching(`^${first}$`), first]);
  });

  it('that are sent twice at once share their key', async () => {
    fetched.mockImplementation(async () => answer(201, { id: 'a' }));
    await Promise.all([create('web'), create('web')]);
    const [first, second] = keys();
    expect(second).toBe(first);
  });

  it('that differ, or that are repeated after the response, have another key', async () => {
    fetched.mockResolvedValueOnce(answer(400, { errors: [{ message: 'is too short' }] }));
    fetched.mockImplementation(async () => answer(201, { id: 'a' }));
    await expect(create('w')).rejects.toThrow('is too short');
    await create('w');
    await create('web');
    await retryRun('a', 1);
    await retryRun('a', 1);
    expect(new Set(keys()).size).toBe(5);
  });
});

describe('failures', () => {
  it.each([
    [
      'Backstage’s envelope',
      answer(500, { error: { name: 'Error', message: 'An internal error occurred logId=0123abcd' } }),
      { name: 'Error', message: 'An internal error occurred logId=0123abcd', id: '0123abcd' },
    ],
    [
      'a denial, whose reason is in a header',
      new Response(JSON.stringify({ error: { name: 'NotAllowedError', message: '' } }), {
        status: 403,
        headers: {
          'WWW-Authenticate':
            'Bearer error="insufficient_scope", scope="x.read", error_description="user:default/ada may not x.read"',
        },
      }),
      { name: 'NotAllowedError', message: 'user:default/ada may not x.read.', missing: { permission: 'x.read' } },
    ],
    [
      'a denial on a resource',
      new Response(JSON.stringify({ error: { name: 'NotAllowedError', message: '' } }), {
        status: 403,
        headers: {
          'WWW-Authenticate':
            'Bearer error="insufficient_scope", scope="x.read", error_description="user:default/ada may not x.read on a:b/c"',
        },
      }),
      { name: 'NotAllowedError', missing: { permission: 'x.read', resource: 'a:b/c' } },
    ],
    [
      'an empty body',
      answer(404),
      { name: 'ResponseError', message: 'There is no such thing, or you may not see it.' },
    ],
    [
      'values that break a schema',
      answer(400, { errors: [{ path: ['a', 'b'], message: 'is too short', stack: 'instance.a.b is too short' }] }),
      { name: 'InputError', message: 'instance.a.b is too short', fields: new Map([['a.b', 'is too short']]) },
    ],
  ])('are read from %s', async (_, response, expected) => {
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(response);
    const error = await fetchRun('x').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject(expected);
    expect(nextMove(error as ApiError)).toMatch(/\.$/);
  });
});

describe('queryString', () => {
  it('repeats lists and leaves out what is empty: Backstage answers 400 to it', () => {
    expect(queryString({ filter: ['a=b', 'c'], empty: '', none: undefined, limit: 0 })).toBe(
      '?filter=a%3Db&filter=c&limit=0',
    );
    expect(queryString({})).toBe('');
  });
});
