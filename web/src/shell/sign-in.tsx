import { useQuery } from '@tanstack/react-query';
import { welcomeQuery } from '@/api/queries';
import { signIn } from '@/api/session';
import { useCommand } from '@/api/use-command';
import { Button } from '@/ui/button';
import { ErrorPanel } from '@/ui/states';

interface SignInProps {
  /** Whether somebody was signed in until now. */
  ended: boolean;
  onDone: () => void;
}

export function SignIn({ ended, onDone }: SignInProps) {
  const welcome = useQuery(welcomeQuery);
  const enter = useCommand(signIn, { onSuccess: onDone });
  const guest = welcome.data?.signIn.includes('guest') ?? false;
  return (
    <main className="mx-auto flex min-h-dvh w-[min(400px,calc(100vw-32px))] flex-col justify-center gap-5">
      <div className="flex items-center gap-3">
        <img src="/icon.svg" alt="" width={28} height={28} />
        <h1 className="text-title">{welcome.data?.title ?? 'Portico'}</h1>
      </div>
      {ended && <p role="status">Your session has ended. Sign in again to continue on this page.</p>}
      <p className="text-muted">Find what your teams own, create something new, and follow its progress.</p>
      {guest && (
        <div className="space-y-2">
          <Button tone="primary" className="w-full" busy={enter.busy} onClick={enter.start}>
            Enter as a guest
          </Button>
          <p className="text-small text-muted">
            Guests are meant for development: everybody who reaches this page can enter.
          </p>
        </div>
      )}
      {welcome.data && !guest && (
        <p>No way to sign in is configured. The operator of Portico can add one under auth.providers.</p>
      )}
      {welcome.error && <ErrorPanel error={welcome.error} doing="reach Portico" onRetry={() => welcome.refetch()} />}
      {enter.error && <ErrorPanel error={enter.error} doing="sign in" />}
    </main>
  );
}
