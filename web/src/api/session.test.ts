// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from './errors';
import { adopt, forget, isRemembered, session, signIn, signOut } from './session';
import type { Session } from './types';

/** A session whose token ends in some seconds. */
function sessionFor(user: string, seconds = 3600): Session {
  const claims = btoa(JSON.stringify({ exp: Date.now() / 1000 + seconds }));
  return {
    backstageIdentity: {
      token: `h.${claims}.s`,
      expiresInSeconds: seconds,
      identity: { type: 'user', userEntityRef: `user:default/${user}`, ownershipEntityRefs: [] },
    },
    profile: {},
  };
}

const granted = (fresh: Session) => new Response(JSON.stringify(fresh), { status: 200 });

const refused = () => {
  const body = { error: { name: 'AuthenticationError', message: 'The cookie has expired' } };
  return new Response(JSON.stringify(body), { status: 401 });
};

let fetched: ReturnType<typeof vi.fn<(address: string, request?: RequestInit) => Promise<Response>>>;

/** Makes the next request wait for its response. */
function answerLater(): (response: Response) => void {
  let answer: (response: Response) => void = () => {};
  fetched.mockReturnValueOnce(
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  return answer;
}

beforeEach(() => {
  forget();
  localStorage.clear();
  fetched = vi.fn();
  vi.stubGlobal('fetch', fetched);
});

afterEach(() => vi.unstubAllGlobals());

describe('signing in without a window', () => {
  it('remembers the provider, and asks it for a session', async () => {
    const ana = sessionFor('ana');
    fetched.mockResolvedValueOnce(granted(ana));
    expect(await signIn('gcpIap', 'production')).toEqual(ana);
    expect(isRemembered()).toBe(true);
    const [address, request] = fetched.mock.calls[0] ?? [];
    expect(address).toBe('/api/auth/gcpIap/refresh?env=production');
    expect(request?.method).toBe('POST');
    expect(new Headers(request?.headers).get('X-Requested-With')).toBe('XMLHttpRequest');
  });

  it('asks although another provider has a session', async () => {
    adopt(sessionFor('ana'), 'okta', 'production');
    const guest = sessionFor('guest');
    fetched.mockResolvedValueOnce(granted(guest));
    expect(await signIn('guest', 'development')).toEqual(guest);
  });
});

describe('a session from a window', () => {
  it('is used without a request, and its provider is remembered', async () => {
    const ana = sessionFor('ana');
    adopt(ana, 'okta', 'production');
    expect(await session()).toBe(ana);
    expect(fetched).not.toHaveBeenCalled();
    expect(isRemembered()).toBe(true);
  });

  it('is renewed with its provider when its token is about to end', async () => {
    adopt(sessionFor('ana', 60), 'okta', 'production');
    const renewed = sessionFor('ana', 7200);
    fetched.mockResolvedValueOnce(granted(renewed));
    expect(await session()).toEqual(renewed);
    expect(fetched.mock.calls[0]?.[0]).toBe('/api/auth/okta/refresh?env=production');
  });
});

describe('a renewal', () => {
  it('is shared by concurrent callers, and lasts until its token is about to end', async () => {
    const ana = sessionFor('ana');
    fetched.mockResolvedValueOnce(granted(ana));
    expect(await Promise.all([session(), session()])).toEqual([ana, ana]);
    expect(await session()).toEqual(ana);
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it('gives a token that is about to end to its caller, and the next caller another', async () => {
    fetched.mockResolvedValueOnce(granted(sessionFor('ana', 60)));
    const renewed = sessionFor('ana', 7200);
    fetched.mockResolvedValueOnce(granted(renewed));
    await session();
    expect(await session()).toEqual(renewed);
  });

  it('that fails tells why, and the next caller asks again', async () => {
    fetched.mockResolvedValueOnce(refused());
    const failed = session();
    await expect(failed).rejects.toThrow(ApiError);
    await expect(failed).rejects.toThrow('The cookie has expired');
    const ana = sessionFor('ana');
    fetched.mockResolvedValueOnce(granted(ana));
    expect(await session()).toEqual(ana);
  });

  it('is repeated after the server refused its token', async () => {
    fetched.mockResolvedValueOnce(granted(sessionFor('ana')));
    await session();
    forget();
    const renewed = sessionFor('ana', 7200);
    fetched.mockResolvedValueOnce(granted(renewed));
    expect(await session()).toEqual(renewed);
  });
});

describe('a renewal that another session has replaced', () => {
  it('does not drop that session when it fails', async () => {
    const answer = answerLater();
    const old = session();
    const ana = sessionFor('ana');
    adopt(ana, 'okta', 'production');
    answer(refused());
    await expect(old).rejects.toThrow('The cookie has expired');
    expect(await session()).toBe(ana);
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it('does not set the expiry of that session when it succeeds', async () => {
    const answer = answerLater();
    const old = session();
    adopt(sessionFor('ana', 60), 'okta', 'production');
    answer(granted(sessionFor('old')));
    await old;
    const renewed = sessionFor('ana', 7200);
    fetched.mockResolvedValueOnce(granted(renewed));
    expect(await session()).toEqual(renewed);
  });

  it('does not set the expiry of a later renewal', async () => {
    const answer = answerLater();
    const old = session();
    forget();
    const answerAgain = answerLater();
    const later = session();
    answer(granted(sessionFor('old', 60)));
    await old;
    const shared = session();
    const ana = sessionFor('ana');
    answerAgain(granted(ana));
    expect(await Promise.all([later, shared])).toEqual([ana, ana]);
    expect(fetched).toHaveBeenCalledTimes(2);
  });
});

describe('signing out', () => {
  beforeEach(() => adopt(sessionFor('ana'), 'okta', 'production'));

  it('ends the session at its provider, and forgets it', async () => {
    fetched.mockResolvedValueOnce(new Response(null, { status: 200 }));
    expect(await signOut()).toBeUndefined();
    const [address, request] = fetched.mock.calls[0] ?? [];
    expect(address).toBe('/api/auth/okta/logout?env=production');
    expect(request?.method).toBe('POST');
    expect(new Headers(request?.headers).get('X-Requested-With')).toBe('XMLHttpRequest');
    expect(isRemembered()).toBe(false);
    fetched.mockResolvedValueOnce(refused());
    await expect(session()).rejects.toThrow('The cookie has expired');
  });

  it('tells where the session at the provider ends', async () => {
    fetched.mockResolvedValueOnce(new Response('{"logoutUrl":"https://okta.example/bye"}', { status: 200 }));
    expect(await signOut()).toBe('https://okta.example/bye');
    expect(isRemembered()).toBe(false);
  });

  it('gives up on a server that takes too long, and can be repeated', async () => {
    const deadline = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(deadline.signal);
    fetched.mockImplementationOnce(
      (_, request) =>
        new Promise((_, reject) => {
          request?.signal?.addEventListener('abort', () => reject(request.signal?.reason));
        }),
    );
    const leaving = signOut();
    deadline.abort(new DOMException('signal timed out', 'TimeoutError'));
    await expect(leaving).rejects.toThrow('timed out');
    expect(isRemembered()).toBe(true);
  });

  it.each([
    ['refuses it for now', async () => new Response(null, { status: 429 }), 'The server answered 429.'],
    ['fails', async () => new Response(null, { status: 503 }), 'a part of it is unavailable'],
    ['does not answer', () => Promise.reject(new TypeError('Failed to fetch')), 'Failed to fetch'],
    ['is hidden by the page of a proxy', async () => new Response('<html>', { status: 200 }), 'JSON'],
  ])('fails if the server %s, and is repeated at the same provider', async (_, answer, why) => {
    fetched.mockImplementationOnce(answer);
    await expect(signOut()).rejects.toThrow(why);
    expect(isRemembered()).toBe(true);
    fetched.mockResolvedValueOnce(new Response(null, { status: 200 }));
    await signOut();
    expect(fetched.mock.calls[1]?.[0]).toBe('/api/auth/okta/logout?env=production');
    expect(isRemembered()).toBe(false);
  });
});
