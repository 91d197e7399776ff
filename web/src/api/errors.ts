/**
 * A refused or failed request, with texts for the page: what happened, why, and an id to quote when asking
 * for help.
 */
export class ApiError extends Error {
  override readonly name: string;
  readonly status: number;
  /** The id of the server's log line, when the response does not contain the cause. */
  readonly id: string | undefined;
  /** One message for each field, by its dotted path, when the server refused the values of a form. */
  readonly fields: ReadonlyMap<string, string>;
  /** The permission that is missing, when the server says so. */
  readonly missing: { permission: string; resource?: string } | undefined;
  /** Whether the server asks for a retry, as it does while it executes the same command. */
  readonly comeBack: boolean;

  constructor(
    { status, headers }: Response,
    name: string,
    message: string,
    fields: ReadonlyMap<string, string> = new Map(),
  ) {
    super(message);
    this.comeBack = headers.has('Retry-After');
    this.missing = missing(headers.get('WWW-Authenticate') ?? '');
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
  503: 'Portico is starting, or a part of it is unavailable.',
};

/** Reads Backstage's error body, its `{errors: [...]}` body for invalid values, or an empty body. */
export async function readError(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (isEnvelope(body)) return new ApiError(response, body.error.name, body.error.message || denial(response));
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

/** Why a permission was denied. Backstage's body does not say it: the server puts it into a header. */
function denial({ status, headers }: Response): string {
  const why = /error_description="([^"]*)"/.exec(headers.get('WWW-Authenticate') ?? '')?.[1];
  return why ? `${why}.` : (whyByStatus[status] ?? `The server answered ${status}.`);
}

/** The permission and the resource in the challenge of a denial. */
function missing(challenge: string): ApiError['missing'] {
  const found = /scope="([^"]+)", error_description="[^"]*? may not \1(?: on ([^"]+))?"/.exec(challenge);
  if (!found?.[1]) return undefined;
  return { permission: found[1], ...(found[2] && { resource: found[2] }) };
}

/** What the user can do about a failed request. */
export function nextMove(error: Error): string {
  if (!(error instanceof ApiError)) return 'Check that Portico is running and reachable, then try again.';
  if (error.status === 401) return 'Sign in again.';
  if (error.status === 403) return 'Ask an administrator for the permission.';
  if (error.status === 404) return 'Check the address, or look for it with search.';
  if (error.comeBack) return 'Try again in a moment.';
  if (error.status === 409) return 'Reload the page: the data has changed.';
  if (error.status < 500) return 'Correct what is named above and try again.';
  return 'Try again in a moment. If the error remains, report the id to the operator of Portico.';
}

function isEnvelope(body: unknown): body is { error: { name: string; message: string } } {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object';
}

function isSchemaErrors(body: unknown): body is { errors: { path?: string[]; message: string; stack?: string }[] } {
  return typeof body === 'object' && body !== null && 'errors' in body && Array.isArray(body.errors);
}
