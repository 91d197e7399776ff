import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { deleteRole } from '@/api/access';
import { roleQuery } from '@/api/queries';
import type { WholeRole } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { shortName } from '@/policy/role';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { plural } from '@/ui/format';
import { ErrorPanel } from '@/ui/states';
import { useWhatItMeans } from './preview';

/**
 * A button that deletes a role, after it has said who loses what. It reads the role again, because the page may show an
 * older one. What was changed after somebody has confirmed is confirmed again.
 */
export function DeleteRole({ role }: { role: WholeRole }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [changed, setChanged] = useState(false);
  const name = shortName(role.name);
  const readAgain = () => queries.fetchQuery({ ...roleQuery(name), staleTime: 0 });
  const ask = (isAgain: boolean) => {
    setChanged(isAgain);
    setAsking(true);
  };
  const opening = useCommand(readAgain, { onSuccess: () => ask(false) });
  const deletion = useCommand(
    async () => {
      const isConfirmed = (await readAgain()).version === role.version;
      if (isConfirmed) await deleteRole(name, role.version);
      return isConfirmed;
    },
    {
      onSuccess: async (isDeleted) => {
        if (!isDeleted) return ask(true);
        queries.removeQueries({ queryKey: ['role', name] });
        await Promise.all([queries.invalidateQueries({ queryKey: ['roles'] }), navigate({ to: '/roles', search: {} })]);
      },
    },
  );
  return (
    <>
      <Button tone="danger" icon={Trash2} busy={opening.busy || deletion.busy} onClick={opening.start}>
        Delete
      </Button>
      {opening.error && <ErrorPanel error={opening.error} doing={`read ${name} again`} onRetry={opening.start} />}
      {deletion.error && <ErrorPanel error={deletion.error} doing={`delete ${name}`} />}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Delete ${name}?`}
        confirm="Delete the role"
        onConfirm={deletion.start}
      >
        {changed && (
          <p role="alert" className="mb-3 font-medium text-ink">
            It was changed meanwhile, and was not deleted. This is what it is now.
          </p>
        )}
        <WhatGoes with={role} />
      </Confirm>
    </>
  );
}

/** What is lost with a role. */
function WhatGoes({ with: role }: { with: WholeRole }) {
  const proposal = useMemo(() => [{ deleteRole: role.name }], [role.name]);
  const { view } = useWhatItMeans(proposal, role.version);
  return (
    <>
      <p className="mb-3">
        {plural(role.members.length, 'member loses', 'members lose')} it, with{' '}
        {plural(role.policies.length, 'policy', 'policies')} and {plural(role.conditions.length, 'condition')}. This
        cannot be undone.
      </p>
      {view}
    </>
  );
}
