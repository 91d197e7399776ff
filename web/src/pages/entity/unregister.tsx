import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { LoaderCircle } from 'lucide-react';
import { type RefObject, useState } from 'react';
import { deleteEntity, deleteLocation, entitiesOfOrigin } from '@/api/catalog';
import type { Entity, EntityPage } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { EntityLink } from '@/entity/entity-link';
import { displayName, refOf } from '@/entity/ref';
import { DeniedReason } from '@/policy/denied';
import { Confirm } from '@/ui/dialog';
import { plural } from '@/ui/format';
import { ErrorPanel } from '@/ui/states';
import { leftBehind, originOf, placeOf, type Removal, removalOf } from './removal';

/** Finds out what it takes to remove an entity, and does it once it is confirmed. */
export function useUnregister(entity: Entity) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [removal, setRemoval] = useState<Removal>();
  const [asking, setAsking] = useState(false);
  const opening = useCommand(() => removalOf(entity), {
    onSuccess: (found) => {
      setRemoval(found);
      setAsking(found.by === 'unregistering' || found.by === 'deleting');
    },
  });
  const removing = useCommand(() => remove(entity, removal), {
    onSuccess: async (notice) => {
      // The page is left first: it would look for the entity again.
      await navigate({ to: '/catalog', search: {}, state: { notice } });
      queries.removeQueries({ queryKey: ['entity'] });
      await Promise.all(
        ['entities', 'entity-pages', 'facets', 'unprocessed'].map((name) =>
          queries.invalidateQueries({ queryKey: [name] }),
        ),
      );
    },
  });
  return { opening, removing, removal, asking, setAsking };
}

/** Removes an entity as it was confirmed. It returns what there is to say of it, after a look at the catalog. */
async function remove(entity: Entity, removal: Removal | undefined): Promise<string> {
  if (removal?.by === 'deleting') {
    await deleteEntity(entity.metadata.uid ?? '');
    return `${displayName(entity)} was deleted.`;
  }
  if (removal?.by !== 'unregistering') throw new Error('There is nothing to unregister.');
  const { location } = removal;
  await deleteLocation(location.id);
  // It is unregistered, whether or not the look at the catalog succeeds.
  const left = await entitiesOfOrigin(originOf(location), 0).then(
    ({ totalItems }) => totalItems,
    () => undefined,
  );
  if (left === undefined) return `${location.target} was unregistered.`;
  if (left === 0) return `${location.target} was unregistered, and everything that came from it is gone.`;
  const stays = plural(left, 'entity that came from it is', 'entities that came from it are');
  return `${location.target} was unregistered. ${stays} still here, because another location has them too.`;
}

interface UnregisterProps {
  entity: Entity;
  unregister: ReturnType<typeof useUnregister>;
}

/** How far unregistering has come, or why it is not possible. */
export function UnregisterProgress({ entity, unregister: { opening, removing, removal } }: UnregisterProps) {
  const title = displayName(entity);
  if (opening.error) {
    return <ErrorPanel error={opening.error} doing={`find out where ${title} comes from`} onRetry={opening.start} />;
  }
  if (removing.error) return <ErrorPanel error={removing.error} doing={`remove ${title}`} />;
  if (opening.busy || removing.busy) {
    return (
      <p className="flex items-center gap-1.5 text-muted">
        <LoaderCircle size={16} aria-hidden className="turning shrink-0" />
        {opening.busy ? `Finding out where ${title} comes from.` : `Removing ${title}.`}
      </p>
    );
  }
  if (removal?.by === 'nobody') return <DeniedReason needs={removal.needs} />;
  if (removal?.by === 'configuration') return <Configured title={title} {...removal} />;
  return null;
}

/** Why an entity of the configuration cannot be unregistered, and how it is removed instead. */
function Configured({ title, origin, file }: { title: string; origin: string; file: string }) {
  return (
    <div className="max-w-[70ch] space-y-1">
      <p className="font-medium">{title} cannot be unregistered here: it comes from the configuration.</p>
      <p className="text-muted wrap-anywhere">
        <code className="font-mono text-small text-ink">catalog.locations</code> names{' '}
        <code className="font-mono text-small text-ink">{placeOf(origin)}</code>.{' '}
        {file && file !== origin ? (
          <>
            Take the entity out of <code className="font-mono text-small text-ink">{placeOf(file)}</code>, or the
            location out of the configuration.
          </>
        ) : (
          'Take the entity out of that file, or the location out of the configuration.'
        )}
      </p>
    </div>
  );
}

/** Says what will go, and asks whether it shall. */
export function UnregisterDialog({
  entity,
  unregister: { removing, removal, asking, setAsking },
  returnTo,
}: UnregisterProps & { returnTo: RefObject<HTMLElement | null> }) {
  const title = displayName(entity);
  if (removal?.by === 'deleting') {
    return (
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Delete ${title}?`}
        confirm="Delete entity"
        onConfirm={removing.start}
        returnTo={returnTo}
      >
        <p>
          No location has it any more. It goes from the catalog, alone, and its source stays as it is. It comes back
          only if a location has it again.
        </p>
        <LeftBehind goes={[entity]} all />
      </Confirm>
    );
  }
  if (removal?.by !== 'unregistering') return null;
  const { location, goes } = removal;
  return (
    <Confirm
      open={asking}
      onOpenChange={setAsking}
      title={`Unregister ${title}?`}
      confirm="Unregister location"
      onConfirm={removing.start}
      returnTo={returnTo}
    >
      <p className="wrap-anywhere">
        The location <code className="font-mono text-small text-ink">{location.target}</code> is unregistered. What is
        there stays as it is, and may be registered again.
      </p>
      <p className="mt-3">{what(goes.totalItems)}</p>
      <Going {...goes} />
      <LeftBehind goes={goes.items} all={goes.totalItems <= goes.items.length} />
    </Confirm>
  );
}

function what(count: number): string {
  if (count === 0) return 'Everything that comes from it goes from the catalog.';
  return `With it, ${plural(count, 'entity goes', 'entities go')} from the catalog, unless another location has them too:`;
}

function Going({ items, totalItems }: EntityPage) {
  if (items.length === 0) return null;
  return (
    <ul className="mt-1 space-y-1" aria-label="What goes from the catalog">
      {items.map((item) => (
        <li key={refOf(item)}>
          <EntityLink entityRef={refOf(item)} title={displayName(item)} className="text-ink" />
        </li>
      ))}
      {totalItems > items.length && <li>and {(totalItems - items.length).toLocaleString('en')} more</li>}
    </ul>
  );
}

/** How many of the entities that stay are listed. */
const listedBehind = 10;

interface LeftBehindProps {
  goes: readonly Entity[];
  /** Whether these are all that go. */
  all: boolean;
}

/** Says which entities stay, and are about to refer to nothing. */
function LeftBehind({ goes, all }: LeftBehindProps) {
  const behind = leftBehind(goes);
  if (behind.length === 0) return null;
  const count = plural(behind.length, 'entity stays', 'entities stay');
  return (
    <>
      <p className="mt-3">
        {all ? count : `At least ${count}`} and may then refer to nothing, because they need what goes or belong to it:
      </p>
      <ul className="mt-1 space-y-1" aria-label="What stays and refers to it">
        {behind.slice(0, listedBehind).map((ref) => (
          <li key={ref}>
            <EntityLink entityRef={ref} className="text-ink" />
          </li>
        ))}
        {behind.length > listedBehind && <li>and {(behind.length - listedBehind).toLocaleString('en')} more</li>}
      </ul>
    </>
  );
}
