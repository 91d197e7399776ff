import type { Entity } from '@/api/types';

/** The annotations by which an entity names its repository. */
const annotations = ['github.com/project-slug', 'gitlab.com/project-slug', 'gitlab.com/project-id'];

/** Whether an entity names a repository whose builds and pull requests can be shown. */
export function hasProject(entity: Entity): boolean {
  return annotations.some((name) => entity.metadata.annotations?.[name]);
}
