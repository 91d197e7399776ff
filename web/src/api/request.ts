import { ApiError, readError } from './errors';
import { learnTime } from './server-clock';
import { forget, session } from './session';

export type Query = Record<string, unknown>;

interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Query;
  body?: unknown;
  /** The Idempotency-Key: a repeated request with the same key gets the response of the first. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
  /** The version that the caller has read: another one is not changed. */
  ifMatch?: string;
  signal?: AbortSignal;
}

/** Sends one authenticated request. A rejected token is renewed once; every other failure is an ApiError. */
export async function send(path: string, call: Call = {}): Promise<Response> {
  const first = await attempt(path, call);
  if (first.status !== 401) return accept(first);
  forget();
  return accept(await attempt(path, call));
}

export async function attempt(path: string, call: Call): Promise<Response> {
  const { method = 'GET', query, body, idempotencyKey, headers, ifMatch, signal } = call;
  const { token } = (await session()).backstageIdentity;
  const requestedAt = Date.now();
  const response = await fetch(`${path}${queryString(query)}`, {
    method,
    headers: {
      ...headers,
      Authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
      ...(ifMatch && { 'If-Match': `"${ifMatch}"` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  learnTime(response, requestedAt);
  return response;
}

export async function accept(response: Response): Promise<Response> {
  if (!response.ok) throw await readError(response);
  return response;
}

/** Keys of commands without a response yet, by their request. */
const unanswered = new Map<string, string>();

/**
 * Sends a command, and reads the whole response. Until there is a response, the same command has the same
 * key, so a repetition after a network failure, or a second click, does not execute it twice. After the
 * response, the same request is a new command. A status of 500 or more is no response: it is unknown whether
 * the command was executed, and the server does not store such a response. The generation distinguishes
 * commands with equal bodies.
 */
export async function command(path: string, body?: unknown, generation?: number): Promise<string> {
  const wanted = JSON.stringify([path, body, generation]);
  const idempotencyKey = unanswered.get(wanted) ?? randomKey();
  unanswered.set(wanted, idempotencyKey);
  try {
    const answer = await (await send(path, { method: 'POST', body, idempotencyKey })).text();
    unanswered.delete(wanted);
    return answer;
  } catch (error) {
    if (error instanceof ApiError && !error.comeBack && error.status < 500) unanswered.delete(wanted);
    throw error;
  }
}

/** Not crypto.randomUUID, which browsers offer on https only. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function json<T>(path: string, call?: Call): Promise<T> {
  return (await send(path, call)).json();
}

/**
 * Leaves out undefined and empty values (Backstage answers 400 to an empty value), and repeats a key for each
 * item of a list.
 */
export function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== '') parameters.append(key, String(item));
    }
  }
  const text = parameters.toString();
  return text && `?${text}`;
}
