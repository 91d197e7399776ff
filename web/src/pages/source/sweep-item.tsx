import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { isUnderWay } from '@/api/queries';
import { decideSweep } from '@/api/sources';
import type { Sweep } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { GuardedButton } from '@/policy/denied';
import { Confirm } from '@/ui/dialog';
import { plural } from '@/ui/format';
import { State } from '@/ui/state';
import { ErrorPanel } from '@/ui/states';
import { Duration, RelativeTime } from '@/ui/time';
import { sweepLook } from './look';
import { causeOf, changesOf, progressOf, removalsOf } from './words';

const needed = { permission: 'portico.catalog.source.update' };

/** A sweep: its state, what it read and changed, why it failed, and the decision that it waits for. */
export function SweepItem({ sweep }: { sweep: Sweep }) {
  const {
    state,
    askedAt,
    startedAt,
    readAt,
    endedAt,
    failure,
    remarks,
    removals,
    removed,
    total = 0,
    entities,
  } = sweep;
  return (
    <li className="space-y-1.5 py-3">
      <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1">
        <State look={sweepLook(sweep)} />
        <span>{progressOf(sweep)}</span>
        {(state === 'committed' || state === 'waiting') && <span className="font-medium">{changesOf(sweep)}</span>}
        <span className="text-small text-muted">
          <RelativeTime at={startedAt ?? askedAt} />, {causeOf(sweep)}
          {startedAt && (
            <>
              , took <Duration from={startedAt} to={endedAt ?? (state === 'waiting' ? readAt : undefined)} />
            </>
          )}
        </span>
      </div>
      {state === 'reading' && total > 0 && (
        <progress
          aria-label="Read so far"
          max={total}
          value={entities}
          className="h-1.5 w-full max-w-md accent-accent"
        />
      )}
      {failure && (
        <p className="max-w-[70ch] wrap-anywhere">
          <span className="text-failed">{failure.message}</span>
          {failure.next && ` ${failure.next}`} <span className="text-muted">The catalog is as it was.</span>
        </p>
      )}
      {remarks.map((remark) => (
        <p key={remark} className="max-w-[70ch] text-small wrap-anywhere text-muted">
          {remark}
        </p>
      ))}
      {removals.length > 0 && (
        <Removals refs={removals} total={removed} open={state === 'waiting'}>
          {removalsOf(sweep)}
        </Removals>
      )}
      {state === 'waiting' && <Decision sweep={sweep} />}
      {isUnderWay(sweep) && <CancelButton id={sweep.id} />}
      {sweep.decidedBy && sweep.decidedAt && (
        <p className="text-small text-muted">
          Decided by {sweep.decidedBy}, <RelativeTime at={sweep.decidedAt} />
        </p>
      )}
    </li>
  );
}

interface RemovalsProps {
  refs: readonly string[];
  total: number;
  open: boolean;
  children: ReactNode;
}

function Removals({ refs, total, open, children }: RemovalsProps) {
  return (
    <details open={open}>
      <summary className="cursor-pointer">
        {children} {plural(total, 'entity', 'entities')}
      </summary>
      <ul className="mt-1 max-h-80 columns-2xs overflow-y-auto pl-4">
        {refs.map((ref) => (
          <li key={ref}>
            {open ? (
              <EntityLink entityRef={ref} title={ref} />
            ) : (
              <span className="wrap-anywhere text-muted">{ref}</span>
            )}
          </li>
        ))}
        {total > refs.length && <li className="text-muted">and {(total - refs.length).toLocaleString('en')} more</li>}
      </ul>
    </details>
  );
}

function useDecision(id: string, decision: 'approve' | 'drop' | 'cancel') {
  const queries = useQueryClient();
  return useCommand(() => decideSweep(id, decision), {
    onSettled: () => queries.invalidateQueries({ queryKey: ['sources'] }),
  });
}

/** The two moves of a sweep that would remove more than it may. */
function Decision({ sweep: { id, removed } }: { sweep: Sweep }) {
  const [asked, setAsked] = useState(false);
  const approve = useDecision(id, 'approve');
  const drop = useDecision(id, 'drop');
  const error = approve.error ?? drop.error;
  return (
    <div className="space-y-2 rounded-md border p-3">
      <p className="max-w-[70ch]">
        It would remove more than a sweep may without a decision. If the source has really lost them, approve it. If
        something is wrong there, such as a token that sees less, drop it: the catalog stays as it is, and the next
        sweep looks again.
      </p>
      <div className="flex flex-wrap gap-2">
        <GuardedButton needs={needed} tone="danger" busy={approve.busy} onClick={() => setAsked(true)}>
          Approve the removal…
        </GuardedButton>
        <GuardedButton needs={needed} busy={drop.busy} onClick={drop.start}>
          Drop the sweep
        </GuardedButton>
      </div>
      {error && <ErrorPanel error={error} doing="decide about the sweep" />}
      <Confirm
        open={asked}
        onOpenChange={setAsked}
        title={`Remove ${plural(removed, 'entity', 'entities')}?`}
        confirm="Remove them"
        onConfirm={approve.start}
      >
        They go from the catalog, with their relations. The source brings back what it has again.
      </Confirm>
    </div>
  );
}

function CancelButton({ id }: { id: string }) {
  const cancel = useDecision(id, 'cancel');
  return (
    <>
      <GuardedButton needs={needed} busy={cancel.busy} onClick={cancel.start}>
        Cancel the sweep
      </GuardedButton>
      {cancel.error && <ErrorPanel error={cancel.error} doing="cancel the sweep" />}
    </>
  );
}
