import { Ellipsis, Lock, type LucideIcon, RotateCw, Trash2 } from 'lucide-react';
import { useRef, useState } from 'react';
import type { Entity } from '@/api/types';
import { displayName, refOf } from '@/entity/ref';
import { DeniedReason } from '@/policy/denied';
import { useMay } from '@/policy/may';
import { IconButton } from '@/ui/button';
import { classNames } from '@/ui/class-names';
import { Menu, MenuItem } from '@/ui/menu';
import { RefreshProgress, useRefresh } from './refresh';
import { isOrphan, neededToRemove } from './removal';
import { UnregisterDialog, UnregisterProgress, useUnregister } from './unregister';

/**
 * What can be done with an entity. Below the row with the menu, it says how far that has come, or why somebody may not
 * and whom they ask.
 */
export function EntityMenu({ entity }: { entity: Entity }) {
  const [chosen, choose] = useState<'refresh' | 'remove'>();
  const button = useRef<HTMLButtonElement>(null);
  const entityRef = refOf(entity);
  const refreshing = { permission: 'catalog.entity.refresh', resource: entityRef };
  const removing = neededToRemove(entity);
  const mayRefresh = useMay(refreshing);
  const mayRemove = useMay(removing);
  const refresh = useRefresh(entityRef);
  const unregister = useUnregister(entity);

  const onRefresh = () => {
    choose('refresh');
    if (mayRefresh) refresh.start();
  };
  const onRemove = () => {
    choose('remove');
    unregister.removing.reset();
    if (mayRemove) unregister.opening.start();
  };
  return (
    <>
      <Menu trigger={<IconButton ref={button} icon={Ellipsis} label={`What to do with ${displayName(entity)}`} />}>
        <Move icon={RotateCw} label="Refresh" allowed={mayRefresh} onSelect={onRefresh} />
        <Move
          icon={Trash2}
          label={isOrphan(entity) ? 'Delete entity…' : 'Unregister…'}
          allowed={mayRemove}
          onSelect={onRemove}
        />
      </Menu>
      {/* It is there from the start, because screen readers announce only what changes in it. */}
      <div role="status" className="min-w-0 basis-full empty:-mt-2">
        {chosen === 'refresh' &&
          (mayRefresh ? (
            <RefreshProgress entityRef={entityRef} refresh={refresh} />
          ) : (
            <DeniedReason needs={refreshing} />
          ))}
        {chosen === 'remove' &&
          (mayRemove ? (
            <UnregisterProgress entity={entity} unregister={unregister} />
          ) : (
            <DeniedReason needs={removing} />
          ))}
      </div>
      <UnregisterDialog entity={entity} unregister={unregister} returnTo={button} />
    </>
  );
}

interface MoveProps {
  icon: LucideIcon;
  label: string;
  allowed: boolean;
  onSelect: () => void;
}

/** A move in the menu. One that somebody may not make can be chosen all the same: then it says why, and whom to ask. */
function Move({ icon, label, allowed, onSelect }: MoveProps) {
  const Icon = allowed ? icon : Lock;
  return (
    <MenuItem onSelect={onSelect}>
      <Icon size={16} aria-hidden className="text-muted" />
      <span className={classNames(!allowed && 'text-muted')}>
        {label}
        {!allowed && <span className="sr-only"> (not allowed)</span>}
      </span>
    </MenuItem>
  );
}
