import { Ellipsis, Lock, type LucideIcon, RotateCw, Trash2 } from 'lucide-react';
import { type ReactNode, useRef, useState } from 'react';
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

interface EntityMoves {
  menu: ReactNode;
  /** How far the chosen move has come, or why somebody may not make it and whom they ask. */
  outcome: ReactNode;
}

/** What can be done with an entity. */
export function useEntityMoves(entity: Entity): EntityMoves {
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
  const menu = (
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
      <UnregisterDialog entity={entity} unregister={unregister} returnTo={button} />
    </>
  );
  const outcome = (
    // It is there from the start, because screen readers announce only what changes in it.
    <div role="status" className="max-w-[70ch] pt-2 empty:pt-0">
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
  );
  return { menu, outcome };
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
