/** The annotation with the location through which an entity came into the catalog: url:https://…, file:/…. */
export const originLocation = 'backstage.io/managed-by-origin-location';
/** The annotation with the file in which an entity is. */
export const managedByLocation = 'backstage.io/managed-by-location';
/** The annotation of an entity that no location has any more. */
export const orphan = 'backstage.io/orphan';
