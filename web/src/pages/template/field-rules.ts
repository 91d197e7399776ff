const entityName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const tag = /^[a-z0-9:+#]+(-[a-z0-9:+#]+)*$/;

/** Backstage's rule for the names of entities. */
export function entityNameProblem(value: unknown): string | undefined {
  if (value === undefined || value === '' || (typeof value === 'string' && entityName.test(value))) return undefined;
  return 'A name has up to 63 letters, digits, dashes, underscores and dots, and begins and ends with a letter or digit.';
}

/** Backstage's rule for tags. */
export function tagsProblem(value: unknown): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const bad = value.find((item) => typeof item !== 'string' || item.length > 63 || !tag.test(item));
  if (bad === undefined) return undefined;
  return `“${bad}” is no tag: up to 63 small letters, digits and : + #, in parts joined by dashes.`;
}
