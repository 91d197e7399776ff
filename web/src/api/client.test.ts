// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchRun, queryEntities, queryString } from './client';
import { ApiError, nextMove } from './errors';
import { forget } from './session';

function token(): string {
  return `h.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 3600 }))}.s`;
}

function answer(status: number, body?: unknown): Response {
  return new Response(body === undefined ? null : JSON.stringify(body), { status });
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
  it('carry the token, and ask for another one once when it is refused', async () => {
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(401, { error: { name: 'AuthenticationError', message: 'Illegal token' } }));
    fetched.mockResolvedValueOnce(signedIn());
    fetched.mockResolvedValueOnce(answer(200, { id: 'a b' }));
    expect(await fetchRun('a b')).toEqual({ id: 'a b' });
    const [address, request] = fetched.mock.calls[3] ?? [];
    expect(address).toBe('/api/portico/v1/runs/a%20b');
    expect(request?.headers).toHaveProperty('Authorization');
  });

  it('of a next page carry the cursor and not the first page’s filter', async () => {
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
});

describe('failures', () => {
  it.each([
    [
      'Backstage’s envelope',
      answer(500, { error: { name: 'Error', message: 'An internal error occurred logId=0123abcd' } }),
      { name: 'Error', message: 'An internal error occurred logId=0123abcd', id: '0123abcd' },
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
