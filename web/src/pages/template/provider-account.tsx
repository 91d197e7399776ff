import { useQuery } from '@tanstack/react-query';
import { Check } from 'lucide-react';
import { useEffect } from 'react';
import { knownToken, requestToken } from '@/api/provider-token';
import { infoQuery } from '@/api/queries';
import { useCommand } from '@/api/use-command';
import { Button } from '@/ui/button';

interface ProviderAccountProps {
  provider: string;
  /** The text of the button without a token. */
  label: string;
  scopes: readonly string[];
  has: boolean;
  onToken: (token: string) => void;
}

/** A button for the person's token at a sign-in provider. A token that the browser's session has already is taken at once. */
export function ProviderAccount({ provider, label, scopes, has, onToken }: ProviderAccountProps) {
  const { data: info } = useQuery(infoQuery);
  const environment = info?.signIn.environment ?? '';
  const { data: known } = useQuery({
    queryKey: ['provider-token', provider, environment, scopes],
    queryFn: async () => (await knownToken(provider, environment, scopes)) ?? null,
    enabled: info !== undefined,
    // A token is for this form only.
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a token is taken once, when it is known
  useEffect(() => {
    if (known && !has) onToken(known);
  }, [known]);
  const ask = useCommand(() => requestToken(provider, environment, scopes), { onSuccess: onToken });
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <Button busy={ask.busy} onClick={ask.start}>
        {has ? 'Use another account' : label}
      </Button>
      <span role="status" className="flex items-center gap-1">
        {has && (
          <>
            <Check size={16} aria-hidden className="text-done" /> Your token is set.
          </>
        )}
      </span>
      {ask.error && (
        <p role="alert" className="text-failed">
          {ask.error.message}
        </p>
      )}
    </div>
  );
}
