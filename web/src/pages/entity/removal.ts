import { authorize, type NeededPermission } from '@/api/access';
import { entitiesOfOrigin, fetchLocationOf } from '@/api/catalog';
import type { Entity, EntityPage, RegisteredLocation } from '@/api/types';
import { managedByLocation, originLocation, orphan } from '@/entity/origin';
import { refOf } from '@/entity/ref';
import { isBackward } from './relations';

/** What it takes to remove an entity from the catalog. */
export type Removal =
  /** It goes with its location, and so does everything else that comes from there. */
  | { by: 'unregistering'; location: RegisteredLocation; goes: EntityPage }
  /** No location has it any more, so it can be deleted by itself. */
  | { by: 'deleting' }
  /** Its location is part of the configuration, and cannot be unregistered. */
  | { by: 'configuration'; origin: string; file: string }
  /** Which location it comes from is not to be seen. */
  | { by: 'nobody'; needs: NeededPermission };

/** How many of the entities that go are listed. */
const listed = 100;

const readsLocations: NeededPermission = { permission: 'catalog.location.read' };

export function isOrphan(entity: Entity): boolean {
  return entity.metadata.annotations?.[orphan] === 'true';
}

/** The permission that removing an entity needs: the server asks for one or the other. */
export function neededToRemove(entity: Entity): NeededPermission {
  return isOrphan(entity)
    ? { permission: 'catalog.entity.delete', resource: refOf(entity) }
    : { permission: 'catalog.location.delete' };
}

export async function removalOf(entity: Entity): Promise<Removal> {
  if (isOrphan(entity)) return { by: 'deleting' };
  const location = await fetchLocationOf(refOf(entity));
  if (location) return { by: 'unregistering', location, goes: await entitiesOfOrigin(originOf(location), listed) };
  // Without the permission to read locations, the server says that there is none.
  const [mayRead] = await authorize([readsLocations]);
  if (!mayRead) return { by: 'nobody', needs: readsLocations };
  const { [originLocation]: origin = '', [managedByLocation]: file = '' } = entity.metadata.annotations ?? {};
  return { by: 'configuration', origin, file };
}

/** The entities that stay, and need or belong to one that goes. */
export function leftBehind(goes: readonly Entity[]): string[] {
  const going = new Set(goes.map(refOf));
  const related = goes.flatMap(({ relations = [] }) =>
    relations.filter(({ type }) => isBackward(type)).map(({ targetRef }) => targetRef),
  );
  return [...new Set(related)].filter((ref) => !going.has(ref)).sort();
}

export function originOf({ type, target }: RegisteredLocation): string {
  return `${type}:${target}`;
}

/** The name of a location for people: where it is, without its type. */
export function placeOf(location: string): string {
  return location.slice(location.indexOf(':') + 1);
}
