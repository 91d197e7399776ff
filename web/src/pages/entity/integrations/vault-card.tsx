import { ofEntityQuery } from '@/api/queries';
import type { Entity, VaultSecret } from '@/api/types';
import { refOf } from '@/entity/ref';
import { ExternalLink } from '@/ui/external-link';
import { IntegrationCard } from './integration-card';

/** Where the secrets of the entity are in HashiCorp Vault. Their values stay there. */
export function VaultCard({ entity }: { entity: Entity }) {
  if (!entity.metadata.annotations?.['vault.io/secrets-path']) return null;
  return (
    <IntegrationCard
      title="Secrets in Vault"
      needs="portico.vault.read"
      query={ofEntityQuery<VaultSecret>('vault', refOf(entity))}
    >
      {(secrets) => (
        <ul className="divide-y">
          {secrets.map(({ engine, path, url }) => (
            <li key={`${engine}/${path}`} className="py-2 font-mono text-small wrap-anywhere">
              {url ? <ExternalLink href={url}>{`${engine}/${path}`}</ExternalLink> : `${engine}/${path}`}
            </li>
          ))}
        </ul>
      )}
    </IntegrationCard>
  );
}
