import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/errors';
import { isRemembered, signOut } from './api/session';
import { createPortal } from './router';
import { SignIn } from './shell/sign-in';
import './styles.css';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // What the server refused stays refused; what did not reach it may yet.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
    },
  },
});

function Portal() {
  const [entered, setEntered] = useState(isRemembered);
  const [router] = useState(() =>
    createPortal(queries, () => {
      signOut();
      queries.clear();
      setEntered(false);
    }),
  );
  if (!entered) return <SignIn onDone={() => setEntered(true)} />;
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
