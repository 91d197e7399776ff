import { CircleAlert } from 'lucide-react';
import type { FormDecorator, ParameterSchema } from '@/api/types';
import { isObject } from '@/template/is-object';
import { ProviderAccount } from './provider-account';

/** The ids of the form decorators that a template names. */
export function decoratorsOf({ formDecorators }: Pick<ParameterSchema, 'formDecorators'>): string[] {
  return (formDecorators ?? []).flatMap((each) => (isObject(each) && typeof each.id === 'string' ? [each.id] : []));
}

interface DecoratorsProps {
  ids: readonly string[];
  /** The configured ones: each makes a token of the person a secret. */
  configured: readonly FormDecorator[];
  secrets: Readonly<Record<string, string>>;
  setSecret: (name: string, value: string) => void;
}

/**
 * What a template's form decorators do before the run starts. Backstage runs them as programs of its frontend; here
 * the configured ones ask for a token, and what the others would have set is missing, which the person is told.
 */
export function Decorators({ ids, configured, secrets, setSecret }: DecoratorsProps) {
  const known = configured.filter(({ id }) => ids.includes(id));
  const unknown = ids.filter((id) => !configured.some((each) => each.id === id));
  if (ids.length === 0) return null;
  return (
    <section aria-label="Before the run starts" className="space-y-3">
      {known.map(({ id, provider, scopes, secret }) => (
        <div key={id} className="space-y-2 border-l pl-4">
          <p className="text-muted">{`This template acts as you with your token of ${provider}. Without it, steps that need it fail or act as Portico.`}</p>
          <ProviderAccount
            provider={provider}
            label={`Use my account at ${provider}`}
            scopes={scopes}
            has={Boolean(secrets[secret])}
            onToken={(token) => setSecret(secret, token)}
          />
        </div>
      ))}
      {unknown.length > 0 && (
        <p role="note" className="flex items-start gap-1.5 border-l-2 border-waiting pl-3">
          <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-waiting" />
          <span>
            {`The run starts without what ${unknown.length === 1 ? 'the form decorator' : 'the form decorators'} `}
            {unknown.map((id, index) => (
              <span key={id}>
                {index > 0 && ', '}
                <code className="font-mono">{id}</code>
              </span>
            ))}
            {` would set, because Portico does not have ${unknown.length === 1 ? 'it' : 'them'}. Steps that read such values or secrets find nothing.`}
          </span>
        </p>
      )}
    </section>
  );
}
