/**
 * A refused or failed request, in words a page can show: what happened, why, and an id to quote when somebody is
 * asked for help.
 */
export class ApiError extends Error {
  override readonly name: string;
  readonly status: number;
  /** Set when the server hid its cause behind a log line's id. */
  readonly id: string | undefined;
  /** One message a field, keyed by its dotted path, when the server refused the values of a form. */
  readonly fields: ReadonlyMap<string, string>;
  /** Whether the server asks to be asked again, as it does while it carries out the same command. */
  readonly comeBack: boolean;

  constructor(
    { status, headers }: Response,
    name: string,
    message: string,
    fields: ReadonlyMap<string, string> = new Map(),
  ) {
    super(message);
    this.comeBack = headers.has('Retry-After');
    this.name = name;
    this.status = status;
    this.id = /\blogId=([0-9a-f]+)/.exec(message)?.[1];
    this.fields = fields;
  }
}

const whyByStatus: Record<number, string> = {
  401: 'You are not signed in, or your session has ended.',
  403: 'You may not do this.',
  404: 'There is no such thing, or you may not see it.',
  502: 'The server in front of Portico could not reach it.',
  503: 'Portico is starting or a part of it is away.',
};

/** Reads Backstage's error body, its `{errors: [...]}` body for values that break a schema, or nothing at all. */
export async function readError(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (isEnvelope(body)) return new ApiError(response, body.error.name, body.error.message);
  if (isSchemaErrors(body)) {
    const fields = new Map(body.errors.map((error) => [(error.path ?? []).join('.'), error.message]));
    const message = body.errors.map((error) => error.stack ?? error.message).join('; ');
    return new ApiError(response, 'InputError', message, fields);
  }
  return new ApiError(
    response,
    'ResponseError',
    whyByStatus[response.status] ?? `The server answered ${response.status}.`,
  );
}

/** The next move for a failed request: what a person can do about it. */
export function nextMove(error: Error): string {
  if (!(error instanceof ApiError)) return 'Check that Portico is running and reachable, then try again.';
  if (error.status === 401) return 'Sign in again.';
  if (error.status === 403) return 'Ask an administrator for the permission.';
  if (error.status === 404) return 'Check the address, or look for it with search.';
  if (error.comeBack) return 'Try again in a moment.';
  if (error.status === 409) return 'Reload the page: it has changed meanwhile.';
  if (error.status < 500) return 'Correct what is named above and try again.';
  return 'Try again in a moment; if it stays, quote the id to whoever runs Portico.';
}

function isEnvelope(body: unknown): body is { error: { name: string; message: string } } {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object';
}

function isSchemaErrors(body: unknown): body is { errors: { path?: string[]; message: string; stack?: string }[] } {
  return typeof body === 'object' && body !== null && 'errors' in body && Array.isArray(body.errors);
}
