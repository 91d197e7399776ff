import type { FieldProps, UiSchema } from '@rjsf/utils';
import { useEffect, useId, useRef } from 'react';
import { isObject } from '@/template/is-object';
import { Input } from '@/ui/input';
import { ProviderAccount } from '../../provider-account';
import { wizardContext } from '../context';

/** The token of the person that a template asks for, with which its steps act on a host. */
export interface RequestedCredentials {
  /** The name under which the steps read the token as a secret. */
  secretsKey: string;
  /** Further scopes, by the type of the host. */
  additionalScopes: Record<string, unknown>;
}

/** The option requestUserCredentials of a picker; undefined if it asks for none. */
export function requestedCredentials(uiSchema: UiSchema | undefined): RequestedCredentials | undefined {
  const requested: unknown = uiSchema?.['ui:options']?.requestUserCredentials;
  if (!isObject(requested) || typeof requested.secretsKey !== 'string') return undefined;
  const { secretsKey, additionalScopes } = requested;
  return { secretsKey, additionalScopes: isObject(additionalScopes) ? additionalScopes : {} };
}

/** The scopes with which a repository can be created and written, by the type of the host, as in Backstage. */
const usualScopes: Record<string, string[]> = {
  github: ['repo', 'read:org', 'read:user'],
  gitlab: ['read_user', 'read_api', 'write_repository', 'api'],
};

export function scopesFor(type: string, { additionalScopes }: RequestedCredentials): string[] {
  const more = additionalScopes[type];
  return [...new Set([...(usualScopes[type] ?? []), ...(Array.isArray(more) ? more.map(String) : [])])];
}

interface UserCredentialsProps extends FieldProps {
  requested: RequestedCredentials;
  host: string;
}

/**
 * Asks for the token of the person on a host: from a sign-in there, where one is configured, or typed. The
 * token becomes a secret of the run, and no value of the form.
 */
export function UserCredentials({ requested, host, ...props }: UserCredentialsProps) {
  const { integrations, secrets, setSecret } = wizardContext(props);
  const { secretsKey } = requested;
  const { type = 'github', userTokens: provider } = integrations.find((each) => each.host === host) ?? {};
  const token = secrets[secretsKey] ?? '';
  const keep = (next: string) => setSecret(secretsKey, next);
  // A token is never given to another host.
  const tokensHost = useRef(host);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another host makes the token useless
  useEffect(() => {
    if (tokensHost.current !== host) keep('');
    tokensHost.current = host;
  }, [host]);
  return (
    <fieldset className="space-y-2 border-l pl-4">
      <legend className="sr-only">Your credentials for {host}</legend>
      <p className="text-muted">
        {`This template acts on ${host} as you. Without your token, it uses Portico’s own credentials, if the host allows that.`}
      </p>
      {provider && (
        <ProviderAccount
          key={`${provider} ${host}`}
          provider={provider}
          label={`Use my account on ${host}`}
          scopes={scopesFor(type, requested)}
          has={token !== ''}
          onToken={keep}
        />
      )}
      <Typed host={host} alternative={provider !== undefined} token={token} onToken={keep} />
    </fieldset>
  );
}

interface TypedProps {
  host: string;
  /** Whether there is a better way. */
  alternative: boolean;
  token: string;
  onToken: (token: string) => void;
}

function Typed({ host, alternative, token, onToken }: TypedProps) {
  const id = useId();
  const input = (
    <>
      <label htmlFor={id} className="mb-1 block text-small text-muted">
        Your token for {host} (optional)
      </label>
      <Input
        id={id}
        type="password"
        autoComplete="off"
        value={token}
        onChange={(event) => onToken(event.target.value)}
      />
    </>
  );
  if (!alternative) return <div>{input}</div>;
  return (
    <details>
      <summary className="text-small text-muted">Use a token instead</summary>
      <div className="mt-1">{input}</div>
    </details>
  );
}
