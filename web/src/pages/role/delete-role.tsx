import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { deleteRole } from '@/api/client';
import type { WholeRole } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { shortName } from '@/policy/role';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { plural } from '@/ui/format';
import { ErrorPanel } from '@/ui/states';
import { useWhatItMeans } from './preview';

/** A button that deletes a role, after it has said who loses what. */
export function DeleteRole({ role }: { role: WholeRole }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const name = shortName(role.name);
  const proposal = useMemo(() => [{ deleteRole: role.name }], [role.name]);
  const { view } = useWhatItMeans(proposal, asking);
  const command = useCommand(() => deleteRole(name), {
    onSuccess: async () => {
      queries.removeQueries({ queryKey: ['role', name] });
      await Promise.all([queries.invalidateQueries({ queryKey: ['roles'] }), navigate({ to: '/roles', search: {} })]);
    },
  });
  return (
    <>
      <Button tone="danger" icon={Trash2} busy={command.busy} onClick={() => setAsking(true)}>
        Delete
      </Button>
      {command.error && <ErrorPanel error={command.error} doing={`delete ${name}`} />}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Delete ${name}?`}
        confirm="Delete the role"
        onConfirm={command.start}
      >
        <p className="mb-3">
          {plural(role.members.length, 'member loses', 'members lose')} it, with{' '}
          {plural(role.policies.length, 'policy', 'policies')} and {plural(role.conditions.length, 'condition')}. This
          cannot be undone.
        </p>
        {view}
      </Confirm>
    </>
  );
}
