import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/errors';
import { whyRefused } from './api/provider-window';
import { isRemembered, signOut } from './api/session';
import { onSessionEnd } from './api/session-end';
import { useCommand } from './api/use-command';
import { fetchTheRest } from './later';
import { createPortal } from './router';
import { SignIn } from './shell/sign-in';
import './styles.css';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // A browser that reports to be offline may still reach a local Portico.
      networkMode: 'always',
      // A refused request is not repeated; one that did not reach the server is.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
    },
  },
});

function Portal() {
  const [failure, setFailure] = useState(whyRefused);
  const [entered, setEntered] = useState(() => failure === undefined && isRemembered());
  const [ended, setEnded] = useState(false);
  const [left, setLeft] = useState(false);
  const leave = useCommand(signOut, {
    onSuccess: (elsewhere) => {
      if (elsewhere) location.assign(elsewhere);
    },
  });
  useEffect(() => {
    // A failed sign-in has no session that could end.
    if (!entered) return;
    return onSessionEnd(queries, () => {
      setEnded(true);
      setEntered(false);
    });
  }, [entered]);
  const [router] = useState(() =>
    createPortal(queries, () => {
      queries.clear();
      leave.start();
      setLeft(true);
      setEntered(false);
    }),
  );
  const enter = () => {
    // The next user may be another one.
    queries.clear();
    setEnded(false);
    setLeft(false);
    setFailure(undefined);
    setEntered(true);
  };
  if (!entered) {
    return <SignIn ended={ended} failure={failure} signOut={left ? leave : undefined} onDone={enter} />;
  }
  return <RouterProvider router={router} />;
}

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Portal />
    </QueryClientProvider>
  </StrictMode>,
);

addEventListener('load', () => setTimeout(fetchTheRest, 1000));
